using Doppel.Core.Diagnostics;
using Doppel.Jit.Ir;

namespace Doppel.RiscV.Translate;

/// <summary>How the translator works. Whatever is chosen, the guest cannot tell.</summary>
public sealed record JitOptions
{
    private static readonly (JitFeatures Feature, CompilerFeatures Compiler)[] s_compiler =
    [
        (JitFeatures.DeadWrites, CompilerFeatures.DeadWrites),
        (JitFeatures.Chaining, CompilerFeatures.Chaining),
        (JitFeatures.InlineTlb, CompilerFeatures.InlineTlb),
        (JitFeatures.SharedProbes | JitFeatures.InlineTlb, CompilerFeatures.SharedProbes),
        (JitFeatures.Deferral, CompilerFeatures.Deferral),
        (JitFeatures.LazyExtension, CompilerFeatures.LazyExtension),
    ];

    /// <summary>The defaults.</summary>
    public static JitOptions Default { get; } = new();

    /// <summary>Smallest code cache in bytes.</summary>
    public const int MinCacheBytes = 1 << 20;

    /// <summary>
    /// Most memory for the generated code of a machine in bytes, at least <see cref="MinCacheBytes"/>. It is reserved at once, committed by use,
    /// and shared by all harts (docs/decisions/0017-one-code-cache.md).
    /// </summary>
    public long CacheBytes { get; init; } = 72 << 20;

    /// <summary>Size of the code cache in bytes: whole pages, within what jumps can reach.</summary>
    internal int BoundedCacheBytes => (int)Math.Clamp(CacheBytes & ~0xFFFL, MinCacheBytes, 1 << 30);

    /// <summary>
    /// How often code must be found running, at intervals of 32,768 instructions, before it is optimised; 0 optimises everything at once, a
    /// negative number nothing.
    /// </summary>
    public int HotSamples { get; init; } = 3;

    /// <summary>Optimisations that are switched off.</summary>
    public JitFeatures Off { get; init; }

    /// <summary>
    /// True to run everything that generated code does once more by interpretation, and to end with an
    /// <see cref="EngineDifferenceException"/> where the results differ. Only for machines whose time is counted in instructions.
    /// </summary>
    public bool Verify { get; init; }

    /// <summary>Receives every translation, one at a time, on a hart's thread; null if nobody wants to know.</summary>
    public Action<TranslatedCode>? Translated { get; init; }

    /// <summary>True if <see cref="TranslatedCode.Text"/> is wanted.</summary>
    public bool Trace { get; init; }

    /// <summary>Lets a test plant a fault: changes the operations of a straight line, of any quality, before they are compiled.</summary>
    internal Action<IrUnit>? Tamper { get; init; }

    /// <summary>True unless one of the features is switched off.</summary>
    internal bool Has(JitFeatures features) => (Off & features) == 0;

    /// <summary>What of this is the compiler's business.</summary>
    internal CompilerFeatures Compiler
    {
        get
        {
            CompilerFeatures features = CompilerFeatures.None;
            foreach ((JitFeatures feature, CompilerFeatures compiler) in s_compiler)
            {
                if (Has(feature)) features |= compiler;
            }
            return features;
        }
    }
}
