namespace Doppel.Jit.Ir;

/// <summary>What the compiler may do beyond a plain translation. Each can be left out alone; what the code computes stays the same.</summary>
[Flags]
internal enum CompilerFeatures
{
    None = 0,

    /// <summary>Operations whose result nobody reads are removed.</summary>
    DeadWrites = 1 << 0,

    /// <summary>Direct jumps are patched to go straight to their target.</summary>
    Chaining = 1 << 1,

    /// <summary>The software TLB is looked up in generated code; without it every access calls the helper.</summary>
    InlineTlb = 1 << 2,

    /// <summary>Accesses of a region off the same base share a probe of the TLB.</summary>
    SharedProbes = 1 << 3,

    /// <summary>Cheap operations of a region wait until somebody needs their result, and fold into others.</summary>
    Deferral = 1 << 4,

    /// <summary>Sign extensions of a region wait until somebody needs the upper half.</summary>
    LazyExtension = 1 << 5,

    All = DeadWrites | Chaining | InlineTlb | SharedProbes | Deferral | LazyExtension,
}
