using Doppel.RiscV.Context;
using static Doppel.RiscV.Semantics.Flow;

namespace Doppel.RiscV.Semantics;

/// <summary>M: multiplication and division. Division never traps (unprivileged manual, table "Semantics for division by zero and overflow").</summary>
internal static unsafe class MultiplySemantics
{
    internal static DecodedInstruction* Mul(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) * Rs2(c, i));

    internal static DecodedInstruction* Mulh(HartContext* c, DecodedInstruction* i) =>
        Write(c, i, (ulong)Math.BigMul((long)Rs1(c, i), (long)Rs2(c, i), out _));

    internal static DecodedInstruction* Mulhu(HartContext* c, DecodedInstruction* i) => Write(c, i, Math.BigMul(Rs1(c, i), Rs2(c, i), out _));

    internal static DecodedInstruction* Mulhsu(HartContext* c, DecodedInstruction* i)
    {
        ulong a = Rs1(c, i), b = Rs2(c, i);
        // A negative first factor counts as itself plus two to the 64th: take that part off again.
        return Write(c, i, Math.BigMul(a, b, out _) - ((long)a < 0 ? b : 0));
    }

    internal static DecodedInstruction* Div(HartContext* c, DecodedInstruction* i)
    {
        long a = (long)Rs1(c, i), b = (long)Rs2(c, i);
        return Write(c, i, b == 0 ? ulong.MaxValue : b == -1 ? (ulong)-a : (ulong)(a / b));
    }

    internal static DecodedInstruction* Divu(HartContext* c, DecodedInstruction* i)
    {
        ulong b = Rs2(c, i);
        return Write(c, i, b == 0 ? ulong.MaxValue : Rs1(c, i) / b);
    }

    internal static DecodedInstruction* Rem(HartContext* c, DecodedInstruction* i)
    {
        long a = (long)Rs1(c, i), b = (long)Rs2(c, i);
        return Write(c, i, b == 0 ? (ulong)a : b == -1 ? 0 : (ulong)(a % b));
    }

    internal static DecodedInstruction* Remu(HartContext* c, DecodedInstruction* i)
    {
        ulong a = Rs1(c, i), b = Rs2(c, i);
        return Write(c, i, b == 0 ? a : a % b);
    }

    internal static DecodedInstruction* Mulw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, (uint)Rs1(c, i) * (uint)Rs2(c, i));

    internal static DecodedInstruction* Divw(HartContext* c, DecodedInstruction* i)
    {
        int a = (int)Rs1(c, i), b = (int)Rs2(c, i);
        return WriteWord(c, i, b == 0 ? uint.MaxValue : b == -1 ? (uint)-a : (uint)(a / b));
    }

    internal static DecodedInstruction* Divuw(HartContext* c, DecodedInstruction* i)
    {
        uint b = (uint)Rs2(c, i);
        return WriteWord(c, i, b == 0 ? uint.MaxValue : (uint)Rs1(c, i) / b);
    }

    internal static DecodedInstruction* Remw(HartContext* c, DecodedInstruction* i)
    {
        int a = (int)Rs1(c, i), b = (int)Rs2(c, i);
        return WriteWord(c, i, b == 0 ? (uint)a : b == -1 ? 0 : (uint)(a % b));
    }

    internal static DecodedInstruction* Remuw(HartContext* c, DecodedInstruction* i)
    {
        uint a = (uint)Rs1(c, i), b = (uint)Rs2(c, i);
        return WriteWord(c, i, b == 0 ? a : a % b);
    }
}
