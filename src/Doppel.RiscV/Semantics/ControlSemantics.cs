using Doppel.RiscV.Context;
using static Doppel.RiscV.Semantics.Flow;

namespace Doppel.RiscV.Semantics;

/// <summary>
/// Jumps and branches. Each branch has a near form, whose target lies on the same page and is found by adding to the decoded instruction,
/// and a far form. With C there is no misaligned target.
/// </summary>
internal static unsafe class ControlSemantics
{
    internal static DecodedInstruction* JalNear(HartContext* c, DecodedInstruction* i)
    {
        c->State.X[i->Rd] = c->PcOf(i) + ((ulong)i->Length << 1);
        return i + i->Imm;
    }

    internal static DecodedInstruction* Jal(HartContext* c, DecodedInstruction* i)
    {
        ulong pc = c->PcOf(i);
        c->State.X[i->Rd] = pc + ((ulong)i->Length << 1);
        return JumpTo(c, pc + (ulong)(long)i->Imm);
    }

    internal static DecodedInstruction* Jalr(HartContext* c, DecodedInstruction* i)
    {
        ulong target = (Rs1(c, i) + (ulong)(long)i->Imm) & ~1UL;
        c->State.X[i->Rd] = c->PcOf(i) + ((ulong)i->Length << 1);
        return JumpTo(c, target);
    }

    internal static DecodedInstruction* BeqNear(HartContext* c, DecodedInstruction* i) => Rs1(c, i) == Rs2(c, i) ? i + i->Imm : Next(i);

    internal static DecodedInstruction* BneNear(HartContext* c, DecodedInstruction* i) => Rs1(c, i) != Rs2(c, i) ? i + i->Imm : Next(i);

    internal static DecodedInstruction* BltNear(HartContext* c, DecodedInstruction* i) => (long)Rs1(c, i) < (long)Rs2(c, i) ? i + i->Imm : Next(i);

    internal static DecodedInstruction* BgeNear(HartContext* c, DecodedInstruction* i) => (long)Rs1(c, i) >= (long)Rs2(c, i) ? i + i->Imm : Next(i);

    internal static DecodedInstruction* BltuNear(HartContext* c, DecodedInstruction* i) => Rs1(c, i) < Rs2(c, i) ? i + i->Imm : Next(i);

    internal static DecodedInstruction* BgeuNear(HartContext* c, DecodedInstruction* i) => Rs1(c, i) >= Rs2(c, i) ? i + i->Imm : Next(i);

    internal static DecodedInstruction* Beq(HartContext* c, DecodedInstruction* i) => Rs1(c, i) == Rs2(c, i) ? Taken(c, i) : Next(i);

    internal static DecodedInstruction* Bne(HartContext* c, DecodedInstruction* i) => Rs1(c, i) != Rs2(c, i) ? Taken(c, i) : Next(i);

    internal static DecodedInstruction* Blt(HartContext* c, DecodedInstruction* i) => (long)Rs1(c, i) < (long)Rs2(c, i) ? Taken(c, i) : Next(i);

    internal static DecodedInstruction* Bge(HartContext* c, DecodedInstruction* i) => (long)Rs1(c, i) >= (long)Rs2(c, i) ? Taken(c, i) : Next(i);

    internal static DecodedInstruction* Bltu(HartContext* c, DecodedInstruction* i) => Rs1(c, i) < Rs2(c, i) ? Taken(c, i) : Next(i);

    internal static DecodedInstruction* Bgeu(HartContext* c, DecodedInstruction* i) => Rs1(c, i) >= Rs2(c, i) ? Taken(c, i) : Next(i);

    private static DecodedInstruction* Taken(HartContext* c, DecodedInstruction* i) => JumpTo(c, c->PcOf(i) + (ulong)(long)i->Imm);
}
