namespace Doppel.RiscV.Translate;

/// <summary>The translator's optimisations. Each can be switched off alone, to find the one that goes wrong or what it brings.</summary>
[Flags]
public enum JitFeatures
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Constants and addresses on the code page are worked out when code is translated.</summary>
    ConstantFolding = 1 << 0,

    /// <summary>Results that nobody reads are not computed.</summary>
    DeadWrites = 1 << 1,

    /// <summary>The hottest guest registers live in host registers between units.</summary>
    Homes = 1 << 2,

    /// <summary>Direct jumps are patched to go straight to their target.</summary>
    Chaining = 1 << 3,

    /// <summary>Indirect jumps look their target up in generated code.</summary>
    JumpCache = 1 << 4,

    /// <summary>Loads and stores probe the software TLB in generated code.</summary>
    InlineTlb = 1 << 5,

    /// <summary>Floating point is the host's.</summary>
    HostFloat = 1 << 6,

    /// <summary>Guest atomics are host atomics in generated code.</summary>
    Atomics = 1 << 7,

    /// <summary>A unit goes on behind a branch that is not taken, and where a direct jump leads.</summary>
    StraightLines = 1 << 8,

    /// <summary>An instruction on two pages is translated.</summary>
    PageCrossing = 1 << 9,

    /// <summary>Hot code is translated again by the optimiser.</summary>
    Regions = 1 << 10,

    /// <summary>A region keeps a loop inside.</summary>
    Loops = 1 << 11,

    /// <summary>The lines of a region go through calls and backward jumps.</summary>
    Calls = 1 << 12,

    /// <summary>Accesses of a region off the same base share a probe of the TLB.</summary>
    SharedProbes = 1 << 13,

    /// <summary>Cheap operations of a region wait until somebody needs their result, and fold into others.</summary>
    Deferral = 1 << 14,

    /// <summary>Sign extensions of a region wait until somebody needs the upper half.</summary>
    LazyExtension = 1 << 15,

    /// <summary>The optimiser works on a thread of its own.</summary>
    Background = 1 << 16,

    /// <summary>CSRs that are no more than fields of the state, and sstatus, are read and written in generated code.</summary>
    SystemRegisters = 1 << 17,

    /// <summary>A return goes straight to where the last call is to come back to, if that is right.</summary>
    ReturnPrediction = 1 << 18,
}

/// <summary>A switch of the translator by name.</summary>
/// <param name="Name">Name on the command line, where <c>no-</c> in front switches it off.</param>
/// <param name="Feature">What it switches.</param>
/// <param name="Description">What the feature does, in one line for people.</param>
public sealed record JitSwitch(string Name, JitFeatures Feature, string Description)
{
    private static readonly JitSwitch[] s_all =
    [
        new("folding", JitFeatures.ConstantFolding, "work constants out when code is translated"),
        new("dead-writes", JitFeatures.DeadWrites, "do not compute results that nobody reads"),
        new("homes", JitFeatures.Homes, "keep hot guest registers in host registers between units"),
        new("chaining", JitFeatures.Chaining, "patch direct jumps to go straight to their target"),
        new("jump-cache", JitFeatures.JumpCache, "look indirect jumps up in generated code"),
        new("inline-tlb", JitFeatures.InlineTlb, "probe the software TLB in generated code"),
        new("host-float", JitFeatures.HostFloat, "use the host's floating point"),
        new("atomics", JitFeatures.Atomics, "make guest atomics host atomics in generated code"),
        new("straight-lines", JitFeatures.StraightLines, "translate on behind branches and along jumps"),
        new("page-crossing", JitFeatures.PageCrossing, "translate instructions that stand on two pages"),
        new("regions", JitFeatures.Regions, "translate hot code again with the optimiser"),
        new("loops", JitFeatures.Loops, "keep loops inside regions"),
        new("calls", JitFeatures.Calls, "let regions go through calls and backward jumps"),
        new("shared-probes", JitFeatures.SharedProbes, "let accesses off one base share a TLB probe"),
        new("deferral", JitFeatures.Deferral, "let cheap operations wait, and fold them into others"),
        new("lazy-extension", JitFeatures.LazyExtension, "extend 32-bit results only where that is needed"),
        new("system-registers", JitFeatures.SystemRegisters, "read and write the simple CSRs and sstatus in generated code"),
        new("return-prediction", JitFeatures.ReturnPrediction, "let returns go straight back to their calls"),
        new("background", JitFeatures.Background, "run the optimiser on a thread of its own"),
    ];

    /// <summary>Every switch, in a fixed order.</summary>
    public static IReadOnlyList<JitSwitch> All => s_all;
}
