using Doppel.Jit.CodeCache;

namespace Doppel.RiscV.Translate;

/// <summary>A physical page of guest code that was translated in one mode. Thread contract: as <see cref="MachineCode"/>.</summary>
internal sealed class TranslatedPage(CodePage code, ulong gpa, int mode, (uint Stamp, ulong Number) armed)
{
    internal CodePage Code { get; } = code;

    /// <summary>How often each offset was found where a slice of instructions had ended: what is hot is found often.</summary>
    internal Dictionary<int, int> Samples { get; } = [];

    internal ulong Gpa { get; } = gpa;

    internal int Mode { get; } = mode;

    /// <summary>
    /// Code stamp of the page when it was armed: another value now means that the page was written. With the number of the arming in the
    /// <see cref="Harts.HartGroup"/>.
    /// </summary>
    internal (uint Stamp, ulong Number) Armed { get; } = armed;

    /// <summary>Pages that hold the first half of an instruction whose second half is here: they are stale with this one.</summary>
    internal List<TranslatedPage> Predecessors { get; } = [];

    /// <summary>The page's bytes when it was armed, as long as other harts may write past the stamp.</summary>
    internal byte[]? Bytes { get; set; }
}
