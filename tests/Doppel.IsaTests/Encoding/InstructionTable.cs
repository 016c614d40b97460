using static Doppel.IsaTests.Encoding.InstructionKind;

namespace Doppel.IsaTests.Encoding;

/// <summary>
/// Every instruction of RV64GC, Zba, Zbb, Zbc, Zbs, Zicond, Zicbom, Zicboz, Zihintpause, Zicsr, Zifencei and the privileged ones: the
/// listings of the unprivileged and privileged manuals as data. The bits that no operand covers are fixed.
/// </summary>
internal static class InstructionTable
{
    internal static readonly Instruction[] All =
    [
        // RV32I and RV64I
        U("lui", 0x37), U("auipc", 0x17),
        new("jal", "I", Jump, 0x6F, "{rd}, {jal21}"),
        new("jalr", "I", Jump, 0x67, "{rd}, {imm12}({rs1})"),
        B("beq", 0), B("bne", 1), B("blt", 4), B("bge", 5), B("bltu", 6), B("bgeu", 7),
        L("lb", 0), L("lh", 1), L("lw", 2), L("ld", 3), L("lbu", 4), L("lhu", 5), L("lwu", 6),
        S("sb", 0), S("sh", 1), S("sw", 2), S("sd", 3),
        I("addi", 0x13, 0), I("slti", 0x13, 2), I("sltiu", 0x13, 3), I("xori", 0x13, 4), I("ori", 0x13, 6), I("andi", 0x13, 7), I("addiw", 0x1B, 0),
        Sh6("slli", "I", 0x13, 1, 0x00), Sh6("srli", "I", 0x13, 5, 0x00), Sh6("srai", "I", 0x13, 5, 0x20),
        Sh5("slliw", "I", 1, 0x00), Sh5("srliw", "I", 5, 0x00), Sh5("sraiw", "I", 5, 0x20),
        R("add", "I", 0x33, 0, 0x00), R("sub", "I", 0x33, 0, 0x20), R("sll", "I", 0x33, 1, 0x00), R("slt", "I", 0x33, 2, 0x00),
        R("sltu", "I", 0x33, 3, 0x00), R("xor", "I", 0x33, 4, 0x00), R("srl", "I", 0x33, 5, 0x00), R("sra", "I", 0x33, 5, 0x20),
        R("or", "I", 0x33, 6, 0x00), R("and", "I", 0x33, 7, 0x00),
        R("addw", "I", 0x3B, 0, 0x00), R("subw", "I", 0x3B, 0, 0x20), R("sllw", "I", 0x3B, 1, 0x00), R("srlw", "I", 0x3B, 5, 0x00),
        R("sraw", "I", 0x3B, 5, 0x20),
        new("fence", "I", Fence, 0x0F, "{pred}, {succ}"), new("fence.tso", "I", Fence, 0x8330000F, ""),
        new("pause", "Zihintpause", Fence, 0x0100000F, ""), new("fence.i", "Zifencei", Fence, 0x100F, ""),
        new("ecall", "I", InstructionKind.System, 0x73, ""), new("ebreak", "I", InstructionKind.System, 0x100073, ""),

        // Zicsr
        C("csrrw", 1), C("csrrs", 2), C("csrrc", 3), Ci("csrrwi", 5), Ci("csrrsi", 6), Ci("csrrci", 7),

        // M
        R("mul", "M", 0x33, 0, 1), R("mulh", "M", 0x33, 1, 1), R("mulhsu", "M", 0x33, 2, 1), R("mulhu", "M", 0x33, 3, 1),
        R("div", "M", 0x33, 4, 1), R("divu", "M", 0x33, 5, 1), R("rem", "M", 0x33, 6, 1), R("remu", "M", 0x33, 7, 1),
        R("mulw", "M", 0x3B, 0, 1), R("divw", "M", 0x3B, 4, 1), R("divuw", "M", 0x3B, 5, 1), R("remw", "M", 0x3B, 6, 1), R("remuw", "M", 0x3B, 7, 1),

        // A
        Lr("lr.w", 2), Lr("lr.d", 3), A("sc.w", 2, 0x03, StoreConditional), A("sc.d", 3, 0x03, StoreConditional),
        A("amoswap.w", 2, 0x01), A("amoadd.w", 2, 0x00), A("amoxor.w", 2, 0x04), A("amoand.w", 2, 0x0C), A("amoor.w", 2, 0x08),
        A("amomin.w", 2, 0x10), A("amomax.w", 2, 0x14), A("amominu.w", 2, 0x18), A("amomaxu.w", 2, 0x1C),
        A("amoswap.d", 3, 0x01), A("amoadd.d", 3, 0x00), A("amoxor.d", 3, 0x04), A("amoand.d", 3, 0x0C), A("amoor.d", 3, 0x08),
        A("amomin.d", 3, 0x10), A("amomax.d", 3, 0x14), A("amominu.d", 3, 0x18), A("amomaxu.d", 3, 0x1C),

        // F and D
        new("flw", "F", Load, 0x2007, "{frd}, {imm12}({rs1})"), new("fld", "D", Load, 0x3007, "{frd}, {imm12}({rs1})"),
        new("fsw", "F", Store, 0x2027, "{frs2}, {st12}({rs1})"), new("fsd", "D", Store, 0x3027, "{frs2}, {st12}({rs1})"),
        F4("fmadd.s", "F", 0x43), F4("fmsub.s", "F", 0x47), F4("fnmsub.s", "F", 0x4B), F4("fnmadd.s", "F", 0x4F),
        F4("fmadd.d", "D", 0x02000043), F4("fmsub.d", "D", 0x02000047), F4("fnmsub.d", "D", 0x0200004B), F4("fnmadd.d", "D", 0x0200004F),
        F3("fadd.s", "F", 0x00), F3("fsub.s", "F", 0x04), F3("fmul.s", "F", 0x08), F3("fdiv.s", "F", 0x0C),
        F3("fadd.d", "D", 0x01), F3("fsub.d", "D", 0x05), F3("fmul.d", "D", 0x09), F3("fdiv.d", "D", 0x0D),
        F2("fsqrt.s", "F", 0x58000053), F2("fsqrt.d", "D", 0x5A000053), F2("fcvt.s.d", "D", 0x40100053),
        new("fcvt.d.s", "D", Compute, 0x42000053, "{frd}, {frs1}"),
        Fx("fsgnj.s", "F", 0x10, 0), Fx("fsgnjn.s", "F", 0x10, 1), Fx("fsgnjx.s", "F", 0x10, 2), Fx("fmin.s", "F", 0x14, 0), Fx("fmax.s", "F", 0x14, 1),
        Fx("fsgnj.d", "D", 0x11, 0), Fx("fsgnjn.d", "D", 0x11, 1), Fx("fsgnjx.d", "D", 0x11, 2), Fx("fmin.d", "D", 0x15, 0), Fx("fmax.d", "D", 0x15, 1),
        Fc("fle.s", "F", 0x50, 0), Fc("flt.s", "F", 0x50, 1), Fc("feq.s", "F", 0x50, 2),
        Fc("fle.d", "D", 0x51, 0), Fc("flt.d", "D", 0x51, 1), Fc("feq.d", "D", 0x51, 2),
        Fi("fcvt.w.s", "F", 0xC0000053), Fi("fcvt.wu.s", "F", 0xC0100053), Fi("fcvt.l.s", "F", 0xC0200053), Fi("fcvt.lu.s", "F", 0xC0300053),
        Fi("fcvt.w.d", "D", 0xC2000053), Fi("fcvt.wu.d", "D", 0xC2100053), Fi("fcvt.l.d", "D", 0xC2200053), Fi("fcvt.lu.d", "D", 0xC2300053),
        If("fcvt.s.w", "F", 0xD0000053), If("fcvt.s.wu", "F", 0xD0100053), If("fcvt.s.l", "F", 0xD0200053), If("fcvt.s.lu", "F", 0xD0300053),
        new("fcvt.d.w", "D", Compute, 0xD2000053, "{frd}, {rs1}"), new("fcvt.d.wu", "D", Compute, 0xD2100053, "{frd}, {rs1}"),
        If("fcvt.d.l", "D", 0xD2200053), If("fcvt.d.lu", "D", 0xD2300053),
        new("fmv.x.w", "F", Compute, 0xE0000053, "{rd}, {frs1}"), new("fmv.x.d", "D", Compute, 0xE2000053, "{rd}, {frs1}"),
        new("fclass.s", "F", Compute, 0xE0001053, "{rd}, {frs1}"), new("fclass.d", "D", Compute, 0xE2001053, "{rd}, {frs1}"),
        new("fmv.w.x", "F", Compute, 0xF0000053, "{frd}, {rs1}"), new("fmv.d.x", "D", Compute, 0xF2000053, "{frd}, {rs1}"),

        // Zba
        R("add.uw", "Zba", 0x3B, 0, 0x04), R("sh1add", "Zba", 0x33, 2, 0x10), R("sh2add", "Zba", 0x33, 4, 0x10), R("sh3add", "Zba", 0x33, 6, 0x10),
        R("sh1add.uw", "Zba", 0x3B, 2, 0x10), R("sh2add.uw", "Zba", 0x3B, 4, 0x10), R("sh3add.uw", "Zba", 0x3B, 6, 0x10),
        Sh6("slli.uw", "Zba", 0x1B, 1, 0x04),

        // Zbb
        R("andn", "Zbb", 0x33, 7, 0x20), R("orn", "Zbb", 0x33, 6, 0x20), R("xnor", "Zbb", 0x33, 4, 0x20),
        R("max", "Zbb", 0x33, 6, 0x05), R("maxu", "Zbb", 0x33, 7, 0x05), R("min", "Zbb", 0x33, 4, 0x05), R("minu", "Zbb", 0x33, 5, 0x05),
        R("rol", "Zbb", 0x33, 1, 0x30), R("ror", "Zbb", 0x33, 5, 0x30), R("rolw", "Zbb", 0x3B, 1, 0x30), R("rorw", "Zbb", 0x3B, 5, 0x30),
        Sh6("rori", "Zbb", 0x13, 5, 0x30), Sh5("roriw", "Zbb", 5, 0x30),
        One("clz", 0x60001013), One("ctz", 0x60101013), One("cpop", 0x60201013), One("clzw", 0x6000101B), One("ctzw", 0x6010101B), One("cpopw", 0x6020101B),
        One("sext.b", 0x60401013), One("sext.h", 0x60501013), One("zext.h", 0x0800403B), One("orc.b", 0x28705013), One("rev8", 0x6B805013),

        // Zbc
        R("clmul", "Zbc", 0x33, 1, 0x05), R("clmulr", "Zbc", 0x33, 2, 0x05), R("clmulh", "Zbc", 0x33, 3, 0x05),

        // Zbs
        R("bclr", "Zbs", 0x33, 1, 0x24), R("bext", "Zbs", 0x33, 5, 0x24), R("binv", "Zbs", 0x33, 1, 0x34), R("bset", "Zbs", 0x33, 1, 0x14),
        Sh6("bclri", "Zbs", 0x13, 1, 0x24), Sh6("bexti", "Zbs", 0x13, 5, 0x24), Sh6("binvi", "Zbs", 0x13, 1, 0x34), Sh6("bseti", "Zbs", 0x13, 1, 0x14),

        // Zicond
        R("czero.eqz", "Zicond", 0x33, 5, 0x07), R("czero.nez", "Zicond", 0x33, 7, 0x07),

        // Zicbom and Zicboz
        Cbo("cbo.inval", "Zicbom", 0), Cbo("cbo.clean", "Zicbom", 1), Cbo("cbo.flush", "Zicbom", 2), Cbo("cbo.zero", "Zicboz", 4),

        // Privileged
        new("mret", "S", InstructionKind.System, 0x30200073, ""), new("sret", "S", InstructionKind.System, 0x10200073, ""),
        new("wfi", "S", InstructionKind.System, 0x10500073, ""), new("sfence.vma", "S", InstructionKind.System, 0x12000073, "{rs1}, {rs2}"),
        new("sinval.vma", "Svinval", InstructionKind.System, 0x16000073, "{rs1}, {rs2}"),
        new("sfence.w.inval", "Svinval", InstructionKind.System, 0x18000073, ""), new("sfence.inval.ir", "Svinval", InstructionKind.System, 0x18100073, ""),

        // C, quadrant 0
        new("c.addi4spn", "C", Compute, 0x0000, "{c.rd'}, sp, {c.spn}"),
        new("c.fld", "C", Load, 0x2000, "{c.frd'}, {c.d}({c.rs1'})"), new("c.lw", "C", Load, 0x4000, "{c.rd'}, {c.w}({c.rs1'})"),
        new("c.ld", "C", Load, 0x6000, "{c.rd'}, {c.d}({c.rs1'})"),
        new("c.fsd", "C", Store, 0xA000, "{c.frd'}, {c.d}({c.rs1'})"), new("c.sw", "C", Store, 0xC000, "{c.rd'}, {c.w}({c.rs1'})"),
        new("c.sd", "C", Store, 0xE000, "{c.rd'}, {c.d}({c.rs1'})"),

        // C, quadrant 1
        new("c.nop", "C", Compute, 0x0001, ""),
        new("c.addi", "C", Compute, 0x0001, "{c.rd}, {c.nzimm6}"), new("c.addiw", "C", Compute, 0x2001, "{c.rd}, {c.imm6}"),
        new("c.li", "C", Compute, 0x4001, "{c.rd}, {c.imm6}"), new("c.lui", "C", Compute, 0x6001, "{c.rd02}, {c.nzimm6}"),
        new("c.addi16sp", "C", StackAdjust, 0x6101, "sp, {c.16sp}"),
        new("c.srli", "C", Compute, 0x8001, "{c.rs1'}, {c.nzsh6}"), new("c.srai", "C", Compute, 0x8401, "{c.rs1'}, {c.nzsh6}"),
        new("c.andi", "C", Compute, 0x8801, "{c.rs1'}, {c.imm6}"),
        Ca("c.sub", 0x8C01), Ca("c.xor", 0x8C21), Ca("c.or", 0x8C41), Ca("c.and", 0x8C61), Ca("c.subw", 0x9C01), Ca("c.addw", 0x9C21),
        new("c.j", "C", Jump, 0xA001, "{c.j}"), new("c.beqz", "C", Branch, 0xC001, "{c.rs1'}, {c.b}"), new("c.bnez", "C", Branch, 0xE001, "{c.rs1'}, {c.b}"),

        // C, quadrant 2
        new("c.slli", "C", Compute, 0x0002, "{c.rd}, {c.nzsh6}"),
        new("c.fldsp", "C", Load, 0x2002, "{c.frd}, {c.ldsp}(sp)"), new("c.lwsp", "C", Load, 0x4002, "{c.rd}, {c.lwsp}(sp)"),
        new("c.ldsp", "C", Load, 0x6002, "{c.rd}, {c.ldsp}(sp)"),
        new("c.jr", "C", Jump, 0x8002, "{c.rd}"), new("c.mv", "C", Compute, 0x8002, "{c.rd}, {c.rs2}"),
        new("c.ebreak", "C", InstructionKind.System, 0x9002, ""), new("c.jalr", "C", Jump, 0x9002, "{c.rd}"),
        new("c.add", "C", Compute, 0x9002, "{c.rd}, {c.rs2}"),
        new("c.fsdsp", "C", Store, 0xA002, "{c.frs2}, {c.sdsp}(sp)"), new("c.swsp", "C", Store, 0xC002, "{c.rs2z}, {c.swsp}(sp)"),
        new("c.sdsp", "C", Store, 0xE002, "{c.rs2z}, {c.sdsp}(sp)"),
    ];

    private static readonly Dictionary<string, Instruction> s_byName = All.ToDictionary(i => i.Name, StringComparer.Ordinal);

    internal static Instruction Find(string name) => s_byName[name];

    internal static bool TryFind(string name, out Instruction? instruction) => s_byName.TryGetValue(name, out instruction);

    /// <summary>Finds the row of an instruction word, or null. Of two rows that match, the one with more fixed bits is meant.</summary>
    internal static Instruction? Decode(uint word) =>
        All.Where(i => (word & (i.Length == 2 ? 0xFFFF : uint.MaxValue) & i.Mask) == i.Match && ((word & 3) == 3) == (i.Length == 4))
            .Where(i => i.Operands.All(o => o.Takes(o.Gather(word))))
            .MaxBy(i => uint.PopCount(i.Mask));

    private static uint F37(uint opcode, uint funct3, uint funct7) => opcode | (funct3 << 12) | (funct7 << 25);

    private static Instruction U(string name, uint opcode) => new(name, "I", Compute, opcode, "{rd}, {u20}");

    private static Instruction B(string name, uint funct3) => new(name, "I", Branch, F37(0x63, funct3, 0), "{rs1}, {rs2}, {br13}");

    private static Instruction L(string name, uint funct3) => new(name, "I", Load, F37(0x03, funct3, 0), "{rd}, {imm12}({rs1})");

    private static Instruction S(string name, uint funct3) => new(name, "I", Store, F37(0x23, funct3, 0), "{rs2}, {st12}({rs1})");

    private static Instruction I(string name, uint opcode, uint funct3) => new(name, "I", Compute, F37(opcode, funct3, 0), "{rd}, {rs1}, {imm12}");

    private static Instruction Sh6(string name, string extension, uint opcode, uint funct3, uint funct7) =>
        new(name, extension, Compute, F37(opcode, funct3, funct7), "{rd}, {rs1}, {sh6}");

    private static Instruction Sh5(string name, string extension, uint funct3, uint funct7) =>
        new(name, extension, Compute, F37(0x1B, funct3, funct7), "{rd}, {rs1}, {sh5}");

    private static Instruction R(string name, string extension, uint opcode, uint funct3, uint funct7) =>
        new(name, extension, Compute, F37(opcode, funct3, funct7), "{rd}, {rs1}, {rs2}");

    private static Instruction One(string name, uint match) => new(name, "Zbb", Compute, match, "{rd}, {rs1}");

    private static Instruction C(string name, uint funct3) => new(name, "Zicsr", InstructionKind.Csr, F37(0x73, funct3, 0), "{rd}, {csr}, {rs1}");

    private static Instruction Ci(string name, uint funct3) => new(name, "Zicsr", InstructionKind.Csr, F37(0x73, funct3, 0), "{rd}, {csr}, {zimm}");

    private static Instruction Lr(string name, uint funct3) => new(name, "A", LoadReserved, F37(0x2F, funct3, 0x08), "{aqrl} {rd}, ({rs1})");

    private static Instruction A(string name, uint funct3, uint funct5, InstructionKind kind = Amo) =>
        new(name, "A", kind, F37(0x2F, funct3, funct5 << 2), "{aqrl} {rd}, {rs2}, ({rs1})");

    private static Instruction F4(string name, string extension, uint match) => new(name, extension, Compute, match, "{frd}, {frs1}, {frs2}, {frs3}, {rm}");

    private static Instruction F3(string name, string extension, uint funct7) =>
        new(name, extension, Compute, F37(0x53, 0, funct7), "{frd}, {frs1}, {frs2}, {rm}");

    private static Instruction F2(string name, string extension, uint match) => new(name, extension, Compute, match, "{frd}, {frs1}, {rm}");

    private static Instruction Fx(string name, string extension, uint funct7, uint funct3) =>
        new(name, extension, Compute, F37(0x53, funct3, funct7), "{frd}, {frs1}, {frs2}");

    private static Instruction Fc(string name, string extension, uint funct7, uint funct3) =>
        new(name, extension, Compute, F37(0x53, funct3, funct7), "{rd}, {frs1}, {frs2}");

    private static Instruction Fi(string name, string extension, uint match) => new(name, extension, Compute, match, "{rd}, {frs1}, {rm}");

    private static Instruction If(string name, string extension, uint match) => new(name, extension, Compute, match, "{frd}, {rs1}, {rm}");

    private static Instruction Cbo(string name, string extension, uint number) => new(name, extension, CacheBlock, 0x200F | (number << 20), "({rs1})");

    private static Instruction Ca(string name, uint match) => new(name, "C", Compute, match, "{c.rs1'}, {c.rd'}");
}
