using Doppel.RiscV.Decode;
using static Doppel.RiscV.Decode.InstructionFormat;

namespace Doppel.RiscV.Semantics;

/// <summary>Encodings and bodies of RV64IM.</summary>
internal static unsafe class IntegerTable
{
#pragma warning disable IDE0055 // One aligned row for each instruction.
    internal static InstructionRow[] Rows() =>
    [
        // RV64I (unprivileged manual, "RV32/64G Instruction Set Listings")
        new("lui",    0x00000037, 0x0000007F, U,      &IntegerSemantics.Lui),
        new("auipc",  0x00000017, 0x0000007F, U,      &IntegerSemantics.Auipc),
        new("jal",    0x0000006F, 0x0000007F, J,      &ControlSemantics.Jal, &ControlSemantics.JalNear),
        new("jalr",   0x00000067, 0x0000707F, I,      &ControlSemantics.Jalr),
        new("beq",    0x00000063, 0x0000707F, B,      &ControlSemantics.Beq, &ControlSemantics.BeqNear),
        new("bne",    0x00001063, 0x0000707F, B,      &ControlSemantics.Bne, &ControlSemantics.BneNear),
        new("blt",    0x00004063, 0x0000707F, B,      &ControlSemantics.Blt, &ControlSemantics.BltNear),
        new("bge",    0x00005063, 0x0000707F, B,      &ControlSemantics.Bge, &ControlSemantics.BgeNear),
        new("bltu",   0x00006063, 0x0000707F, B,      &ControlSemantics.Bltu, &ControlSemantics.BltuNear),
        new("bgeu",   0x00007063, 0x0000707F, B,      &ControlSemantics.Bgeu, &ControlSemantics.BgeuNear),
        new("lb",     0x00000003, 0x0000707F, I,      &MemorySemantics.Load<sbyte>),
        new("lh",     0x00001003, 0x0000707F, I,      &MemorySemantics.Load<short>),
        new("lw",     0x00002003, 0x0000707F, I,      &MemorySemantics.Load<int>),
        new("ld",     0x00003003, 0x0000707F, I,      &MemorySemantics.Load<long>),
        new("lbu",    0x00004003, 0x0000707F, I,      &MemorySemantics.Load<byte>),
        new("lhu",    0x00005003, 0x0000707F, I,      &MemorySemantics.Load<ushort>),
        new("lwu",    0x00006003, 0x0000707F, I,      &MemorySemantics.Load<uint>),
        new("sb",     0x00000023, 0x0000707F, S,      &MemorySemantics.Store<byte>),
        new("sh",     0x00001023, 0x0000707F, S,      &MemorySemantics.Store<ushort>),
        new("sw",     0x00002023, 0x0000707F, S,      &MemorySemantics.Store<uint>),
        new("sd",     0x00003023, 0x0000707F, S,      &MemorySemantics.Store<ulong>),
        new("addi",   0x00000013, 0x0000707F, I,      &IntegerSemantics.Addi),
        new("slti",   0x00002013, 0x0000707F, I,      &IntegerSemantics.Slti),
        new("sltiu",  0x00003013, 0x0000707F, I,      &IntegerSemantics.Sltiu),
        new("xori",   0x00004013, 0x0000707F, I,      &IntegerSemantics.Xori),
        new("ori",    0x00006013, 0x0000707F, I,      &IntegerSemantics.Ori),
        new("andi",   0x00007013, 0x0000707F, I,      &IntegerSemantics.Andi),
        new("slli",   0x00001013, 0xFC00707F, Shift,  &IntegerSemantics.Slli),
        new("srli",   0x00005013, 0xFC00707F, Shift,  &IntegerSemantics.Srli),
        new("srai",   0x40005013, 0xFC00707F, Shift,  &IntegerSemantics.Srai),
        new("add",    0x00000033, 0xFE00707F, R,      &IntegerSemantics.Add),
        new("sub",    0x40000033, 0xFE00707F, R,      &IntegerSemantics.Sub),
        new("sll",    0x00001033, 0xFE00707F, R,      &IntegerSemantics.Sll),
        new("slt",    0x00002033, 0xFE00707F, R,      &IntegerSemantics.Slt),
        new("sltu",   0x00003033, 0xFE00707F, R,      &IntegerSemantics.Sltu),
        new("xor",    0x00004033, 0xFE00707F, R,      &IntegerSemantics.Xor),
        new("srl",    0x00005033, 0xFE00707F, R,      &IntegerSemantics.Srl),
        new("sra",    0x40005033, 0xFE00707F, R,      &IntegerSemantics.Sra),
        new("or",     0x00006033, 0xFE00707F, R,      &IntegerSemantics.Or),
        new("and",    0x00007033, 0xFE00707F, R,      &IntegerSemantics.And),
        new("addiw",  0x0000001B, 0x0000707F, I,      &IntegerSemantics.Addiw),
        new("slliw",  0x0000101B, 0xFE00707F, Shift,  &IntegerSemantics.Slliw),
        new("srliw",  0x0000501B, 0xFE00707F, Shift,  &IntegerSemantics.Srliw),
        new("sraiw",  0x4000501B, 0xFE00707F, Shift,  &IntegerSemantics.Sraiw),
        new("addw",   0x0000003B, 0xFE00707F, R,      &IntegerSemantics.Addw),
        new("subw",   0x4000003B, 0xFE00707F, R,      &IntegerSemantics.Subw),
        new("sllw",   0x0000103B, 0xFE00707F, R,      &IntegerSemantics.Sllw),
        new("srlw",   0x0000503B, 0xFE00707F, R,      &IntegerSemantics.Srlw),
        new("sraw",   0x4000503B, 0xFE00707F, R,      &IntegerSemantics.Sraw),
        // M
        new("mul",    0x02000033, 0xFE00707F, R,      &MultiplySemantics.Mul),
        new("mulh",   0x02001033, 0xFE00707F, R,      &MultiplySemantics.Mulh),
        new("mulhsu", 0x02002033, 0xFE00707F, R,      &MultiplySemantics.Mulhsu),
        new("mulhu",  0x02003033, 0xFE00707F, R,      &MultiplySemantics.Mulhu),
        new("div",    0x02004033, 0xFE00707F, R,      &MultiplySemantics.Div),
        new("divu",   0x02005033, 0xFE00707F, R,      &MultiplySemantics.Divu),
        new("rem",    0x02006033, 0xFE00707F, R,      &MultiplySemantics.Rem),
        new("remu",   0x02007033, 0xFE00707F, R,      &MultiplySemantics.Remu),
        new("mulw",   0x0200003B, 0xFE00707F, R,      &MultiplySemantics.Mulw),
        new("divw",   0x0200403B, 0xFE00707F, R,      &MultiplySemantics.Divw),
        new("divuw",  0x0200503B, 0xFE00707F, R,      &MultiplySemantics.Divuw),
        new("remw",   0x0200603B, 0xFE00707F, R,      &MultiplySemantics.Remw),
        new("remuw",  0x0200703B, 0xFE00707F, R,      &MultiplySemantics.Remuw),
    ];
#pragma warning restore IDE0055
}
