namespace Doppel.RiscV.Translate;

/// <summary>How the translator works. Whatever is chosen, the guest cannot tell.</summary>
public sealed record JitOptions
{
    /// <summary>The defaults.</summary>
    public static JitOptions Default { get; } = new();

    /// <summary>Size of the code cache of each hart in bytes.</summary>
    public int CacheBytes { get; init; } = 64 << 20;

    /// <summary>
    /// How often code must be found running, at intervals of 32,768 instructions, before it is optimised; 0 optimises everything at once, a
    /// negative number nothing.
    /// </summary>
    public int HotSamples { get; init; } = 3;
}
