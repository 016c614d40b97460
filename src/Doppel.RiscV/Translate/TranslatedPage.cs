using System.Runtime.InteropServices;
using Doppel.Jit.CodeCache;

namespace Doppel.RiscV.Translate;

/// <summary>A physical page of guest code that was translated in one mode. Thread contract: as <see cref="MachineCode"/>.</summary>
internal sealed class TranslatedPage(CodePage code, ulong gpa, int mode, (uint Stamp, ulong Number) armed)
{
    // There are thousands of pages, and few of them have any of these.
    private Dictionary<int, int>? _samples;
    private List<TranslatedPage>? _predecessors;

    internal CodePage Code { get; } = code;

    internal ulong Gpa { get; } = gpa;

    internal int Mode { get; } = mode;

    /// <summary>
    /// Code stamp of the page when it was armed: another value now means that the page was written. With the number of the arming in the
    /// <see cref="Harts.HartGroup"/>.
    /// </summary>
    internal (uint Stamp, ulong Number) Armed { get; } = armed;

    /// <summary>Pages that hold the first half of an instruction whose second half is here: they are stale with this one.</summary>
    internal IReadOnlyList<TranslatedPage> Predecessors => _predecessors ?? [];

    /// <summary>The page's bytes when it was armed, as long as other harts may write past the stamp.</summary>
    internal byte[]? Bytes { get; set; }

    /// <summary>Notes that a slice of instructions had ended at an offset. What is hot is found often.</summary>
    /// <returns>How often that was so.</returns>
    internal int CountSample(int offset) => ++CollectionsMarshal.GetValueRefOrAddDefault(_samples ??= [], offset, out _);

    /// <summary>Counts from zero again.</summary>
    internal void ForgetSamples(int offset) => _samples?.Remove(offset);

    /// <summary>Adds to <see cref="Predecessors"/>.</summary>
    internal void AddPredecessor(TranslatedPage page)
    {
        if (_predecessors is null) _predecessors = [page];
        else if (!_predecessors.Contains(page)) _predecessors.Add(page);
    }
}
