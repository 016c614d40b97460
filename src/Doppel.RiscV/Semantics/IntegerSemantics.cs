using Doppel.RiscV.Context;
using static Doppel.RiscV.Semantics.Flow;

namespace Doppel.RiscV.Semantics;

/// <summary>RV64I computation (unprivileged manual, chapters RV32I and RV64I).</summary>
internal static unsafe class IntegerSemantics
{
    internal static DecodedInstruction* Lui(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)(long)i->Imm);

    internal static DecodedInstruction* Auipc(HartContext* c, DecodedInstruction* i) => Write(c, i, c->PcOf(i) + (ulong)(long)i->Imm);

    internal static DecodedInstruction* Addi(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) + (ulong)(long)i->Imm);

    internal static DecodedInstruction* Slti(HartContext* c, DecodedInstruction* i) => Write(c, i, (long)Rs1(c, i) < i->Imm ? 1UL : 0);

    internal static DecodedInstruction* Sltiu(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) < (ulong)(long)i->Imm ? 1UL : 0);

    internal static DecodedInstruction* Xori(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) ^ (ulong)(long)i->Imm);

    internal static DecodedInstruction* Ori(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) | (ulong)(long)i->Imm);

    internal static DecodedInstruction* Andi(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) & (ulong)(long)i->Imm);

    internal static DecodedInstruction* Slli(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) << i->Imm);

    internal static DecodedInstruction* Srli(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) >> i->Imm);

    internal static DecodedInstruction* Srai(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)((long)Rs1(c, i) >> i->Imm));

    internal static DecodedInstruction* Add(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) + Rs2(c, i));

    internal static DecodedInstruction* Sub(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) - Rs2(c, i));

    internal static DecodedInstruction* Sll(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) << (int)Rs2(c, i));

    internal static DecodedInstruction* Slt(HartContext* c, DecodedInstruction* i) => Write(c, i, (long)Rs1(c, i) < (long)Rs2(c, i) ? 1UL : 0);

    internal static DecodedInstruction* Sltu(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) < Rs2(c, i) ? 1UL : 0);

    internal static DecodedInstruction* Xor(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) ^ Rs2(c, i));

    internal static DecodedInstruction* Srl(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) >> (int)Rs2(c, i));

    internal static DecodedInstruction* Sra(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)((long)Rs1(c, i) >> (int)Rs2(c, i)));

    internal static DecodedInstruction* Or(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) | Rs2(c, i));

    internal static DecodedInstruction* And(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) & Rs2(c, i));

    internal static DecodedInstruction* Addiw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, (uint)Rs1(c, i) + (uint)i->Imm);

    internal static DecodedInstruction* Slliw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, (uint)Rs1(c, i) << i->Imm);

    internal static DecodedInstruction* Srliw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, (uint)Rs1(c, i) >> i->Imm);

    internal static DecodedInstruction* Sraiw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, (uint)((int)Rs1(c, i) >> i->Imm));

    internal static DecodedInstruction* Addw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, (uint)Rs1(c, i) + (uint)Rs2(c, i));

    internal static DecodedInstruction* Subw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, (uint)Rs1(c, i) - (uint)Rs2(c, i));

    internal static DecodedInstruction* Sllw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, (uint)Rs1(c, i) << (int)Rs2(c, i));

    internal static DecodedInstruction* Srlw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, (uint)Rs1(c, i) >> (int)Rs2(c, i));

    internal static DecodedInstruction* Sraw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, (uint)((int)Rs1(c, i) >> (int)Rs2(c, i)));
}
