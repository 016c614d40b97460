namespace Doppel.IsaTests.Encoding;

/// <summary>Names that the assembler gives to operand values.</summary>
internal static class RegisterNames
{
    internal static readonly string[] X =
    [
        "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
        "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    ];

    internal static readonly string[] F =
    [
        "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
        "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
    ];

    internal static readonly string[] Rounding = ["rne", "rtz", "rdn", "rup", "rmm", "?", "?", "dyn"];

    /// <summary>Index: aq is bit 1, rl is bit 0.</summary>
    internal static readonly string[] Ordering = ["", ".rl", ".aq", ".aqrl"];

    /// <summary>The letters of a predecessor or successor set, from I (bit 3) to W (bit 0).</summary>
    internal static string FenceSet(int set) => string.Concat("iorw".Where((_, i) => (set >> (3 - i) & 1) != 0));
}
