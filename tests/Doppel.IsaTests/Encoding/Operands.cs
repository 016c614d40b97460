using static Doppel.IsaTests.Encoding.OperandClass;

namespace Doppel.IsaTests.Encoding;

/// <summary>All operand fields of the unprivileged manual: chapter 2 (base formats), chapter of "C" (compressed formats).</summary>
internal static class Operands
{
    private static readonly Operand[] s_all =
    [
        new("rd", X, "11:7=4:0"),
        new("rs1", X, "19:15=4:0"),
        new("rs2", X, "24:20=4:0"),
        new("frd", F, "11:7=4:0"),
        new("frs1", F, "19:15=4:0"),
        new("frs2", F, "24:20=4:0"),
        new("frs3", F, "31:27=4:0"),
        new("rm", Rounding, "14:12=2:0"),
        new("csr", OperandClass.Csr, "31:20=11:0"),
        new("pred", FenceSet, "27:24=3:0") { Excluded = [0] },
        new("succ", FenceSet, "23:20=3:0") { Excluded = [0] },
        new("aqrl", Ordering, "26:25=1:0"),
        new("imm12", Immediate, "31:20=11:0") { Signed = true },
        new("st12", Immediate, "31:25=11:5 11:7=4:0") { Signed = true },
        new("br13", Target, "31=12 30:25=10:5 11:8=4:1 7=11") { Signed = true },
        new("jal21", Target, "31=20 30:21=10:1 20=11 19:12=19:12") { Signed = true },
        new("u20", Immediate, "31:12=19:0"),
        new("sh6", Immediate, "25:20=5:0"),
        new("sh5", Immediate, "24:20=4:0"),
        new("zimm", Immediate, "19:15=4:0"),

        // Compressed: three-bit register fields stand for x8 to x15.
        new("c.rd", X, "11:7=4:0") { Excluded = [0] },
        new("c.rd02", X, "11:7=4:0") { Excluded = [0, 2] },
        new("c.rs2", X, "6:2=4:0") { Excluded = [0] },
        new("c.rs2z", X, "6:2=4:0"),
        new("c.frd", F, "11:7=4:0"),
        new("c.frs2", F, "6:2=4:0"),
        new("c.rd'", X, "4:2=2:0") { FirstRegister = 8 },
        new("c.frd'", F, "4:2=2:0") { FirstRegister = 8 },
        new("c.rs1'", X, "9:7=2:0") { FirstRegister = 8 },
        new("c.imm6", Immediate, "12=5 6:2=4:0") { Signed = true },
        new("c.nzimm6", Immediate, "12=5 6:2=4:0") { Signed = true, Excluded = [0] },
        new("c.nzsh6", Immediate, "12=5 6:2=4:0") { Excluded = [0] },
        new("c.spn", Immediate, "12:11=5:4 10:7=9:6 6=2 5=3") { Excluded = [0] },
        new("c.16sp", Immediate, "12=9 6=4 5=6 4:3=8:7 2=5") { Signed = true, Excluded = [0] },
        new("c.w", Immediate, "12:10=5:3 6=2 5=6"),
        new("c.d", Immediate, "12:10=5:3 6:5=7:6"),
        new("c.lwsp", Immediate, "12=5 6:4=4:2 3:2=7:6"),
        new("c.ldsp", Immediate, "12=5 6:5=4:3 4:2=8:6"),
        new("c.swsp", Immediate, "12:9=5:2 8:7=7:6"),
        new("c.sdsp", Immediate, "12:10=5:3 9:7=8:6"),
        new("c.j", Target, "12=11 11=4 10:9=9:8 8=10 7=6 6=7 5:3=3:1 2=5") { Signed = true },
        new("c.b", Target, "12=8 11:10=4:3 6:5=7:6 4:3=2:1 2=5") { Signed = true },
    ];

    private static readonly Dictionary<string, Operand> s_byName = s_all.ToDictionary(o => o.Name, StringComparer.Ordinal);

    internal static Operand Find(string name) => s_byName[name];
}
