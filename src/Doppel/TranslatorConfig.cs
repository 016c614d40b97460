using Doppel.Core.Diagnostics;
using Doppel.RiscV.Translate;

namespace Doppel;

/// <summary>How the engine <c>jit</c> works, for those who look for a fault in it or measure it. The guest cannot tell. Immutable.</summary>
public sealed record TranslatorConfig
{
    /// <summary>Everything on.</summary>
    public static TranslatorConfig Default { get; } = new();

    /// <summary>Names of <see cref="Switches"/> that are switched off.</summary>
    public IReadOnlyList<string> Off { get; init; } = [];

    /// <summary>
    /// True to run everything that generated code does once more by interpretation. The machine ends with
    /// <see cref="VirtualMachineExitReason.Failure"/> and an <see cref="EngineDifferenceException"/> where the results differ. Needs
    /// <see cref="TimePolicy.InstructionCount"/>.
    /// </summary>
    public bool Verify { get; init; }

    /// <summary>Most memory for generated code in bytes, which all processors share; at least 1 MiB. When it is full it is emptied.</summary>
    public long CacheBytes { get; init; } = JitOptions.Default.CacheBytes;

    /// <summary>Receives every translation, on the thread of the processor that made it; null if nobody wants to know.</summary>
    public Action<TranslatedCode>? Translated { get; init; }

    /// <summary>True if <see cref="TranslatedCode.Text"/> is wanted.</summary>
    public bool Trace { get; init; }

    /// <summary>What can be switched off: names, and what each does in one line for people.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Switches { get; } =
        [.. JitSwitch.All.Select(static s => KeyValuePair.Create(s.Name, s.Description))];

    /// <summary>Names that <see cref="Off"/> has and <see cref="Switches"/> has not.</summary>
    internal IEnumerable<string> Unknown => Off.Where(static name => Find(name) is null);

    /// <summary>The same for the engine. Names must be known.</summary>
    internal JitOptions ToOptions()
    {
        JitFeatures off = JitFeatures.None;
        foreach (string name in Off) off |= Find(name)!.Feature;
        return JitOptions.Default with { Off = off, CacheBytes = CacheBytes, Verify = Verify, Translated = Translated, Trace = Trace };
    }

    private static JitSwitch? Find(string name) => JitSwitch.All.FirstOrDefault(s => string.Equals(s.Name, name, StringComparison.Ordinal));
}
