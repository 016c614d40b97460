using System.Numerics;
using System.Runtime.CompilerServices;
using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;
using Doppel.RiscV.Mmu;
using static Doppel.RiscV.Semantics.Flow;

namespace Doppel.RiscV.Semantics;

/// <summary>
/// A: LR/SC and AMOs as atomic operations of the host, correct between vCPU threads. Aligned addresses only: the manual lets misaligned ones
/// trap (unprivileged manual, "A"). Host read-modify-writes are sequentially consistent, which covers every aq and rl.
/// </summary>
internal static unsafe class AtomicSemantics
{
    internal static DecodedInstruction* Lr<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T>
    {
        ulong va = Rs1(c, i);
        if ((va & (ulong)(sizeof(T) - 1)) != 0) return Raise(c, i, TrapCause.LoadMisaligned, va);
        if (!Hart.Of(c).Mmu.TryGetAligned(va, sizeof(T), AccessType.Load, out nint hva, out ulong pa)) return RaiseFault(c, i);
        T value = Read<T>(hva);
        c->State.ReservationAddress = pa;
        c->State.ReservationValue = ulong.CreateTruncating(value);
        return Write(c, i, (ulong)long.CreateTruncating(value));
    }

    // The reservation holds while memory still has the value that LR read. A store of the same value by another hart in between goes
    // unnoticed, which no program can tell from the store having come before the LR.
    internal static DecodedInstruction* Sc<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T>
    {
        ulong va = Rs1(c, i);
        if ((va & (ulong)(sizeof(T) - 1)) != 0) return Raise(c, i, TrapCause.StoreMisaligned, va);
        if (!Hart.Of(c).Mmu.TryGetAligned(va, sizeof(T), AccessType.Store, out nint hva, out ulong pa)) return RaiseFault(c, i);
        bool reserved = c->State.ReservationAddress == pa;
        c->State.ReservationAddress = ulong.MaxValue;
        bool stored = reserved && CompareExchange(hva, T.CreateTruncating(Rs2(c, i)), T.CreateTruncating(c->State.ReservationValue));
        return Write(c, i, stored ? 0UL : 1);
    }

    internal static DecodedInstruction* Swap<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T> => Amo<T, SwapOperation<T>>(c, i);

    internal static DecodedInstruction* Add<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T> => Amo<T, AddOperation<T>>(c, i);

    internal static DecodedInstruction* Xor<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T> => Amo<T, XorOperation<T>>(c, i);

    internal static DecodedInstruction* And<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T> => Amo<T, AndOperation<T>>(c, i);

    internal static DecodedInstruction* Or<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T> => Amo<T, OrOperation<T>>(c, i);

    /// <summary>AMOMIN with a signed type, AMOMINU with an unsigned one.</summary>
    internal static DecodedInstruction* Min<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T> => Amo<T, MinOperation<T>>(c, i);

    /// <summary>AMOMAX with a signed type, AMOMAXU with an unsigned one.</summary>
    internal static DecodedInstruction* Max<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T> => Amo<T, MaxOperation<T>>(c, i);

    private static DecodedInstruction* Amo<T, TOperation>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T>
        where TOperation : struct, IAmoOperation<T>
    {
        ulong va = Rs1(c, i);
        if ((va & (ulong)(sizeof(T) - 1)) != 0) return Raise(c, i, TrapCause.StoreMisaligned, va);
        HartMmu mmu = Hart.Of(c).Mmu;
        if (!mmu.TryGetAligned(va, sizeof(T), AccessType.Store, out nint hva, out ulong pa)) return RaiseFault(c, i);
        T operand = T.CreateTruncating(Rs2(c, i));
        T seen;
        do seen = Read<T>(hva);
        while (!CompareExchange(hva, TOperation.Apply(seen, operand), seen));
        mmu.Stored(pa, sizeof(T));
        // The W forms sign-extend, whether or not the comparison was signed.
        Write(c, i, sizeof(T) == 4 ? (ulong)int.CreateTruncating(seen) : ulong.CreateTruncating(seen));
        return NextOrLeave(c, i);
    }

    private static T Read<T>(nint hva)
        where T : unmanaged, IBinaryInteger<T>
    {
        // SAFETY: the MMU has given hva as the address of an aligned scalar in guest memory.
        unsafe { return sizeof(T) == 4 ? T.CreateTruncating(Volatile.Read(ref Unsafe.AsRef<uint>((void*)hva))) : T.CreateTruncating(Volatile.Read(ref Unsafe.AsRef<ulong>((void*)hva))); }
    }

    private static bool CompareExchange<T>(nint hva, T value, T expected)
        where T : unmanaged, IBinaryInteger<T>
    {
        // SAFETY: the MMU has given hva as the address of an aligned scalar in writable guest memory.
        unsafe
        {
            if (sizeof(T) == 4)
            {
                uint wanted = uint.CreateTruncating(expected);
                return Interlocked.CompareExchange(ref Unsafe.AsRef<uint>((void*)hva), uint.CreateTruncating(value), wanted) == wanted;
            }
            ulong wide = ulong.CreateTruncating(expected);
            return Interlocked.CompareExchange(ref Unsafe.AsRef<ulong>((void*)hva), ulong.CreateTruncating(value), wide) == wide;
        }
    }

    private interface IAmoOperation<T>
    {
        static abstract T Apply(T memory, T operand);
    }

    private readonly struct SwapOperation<T> : IAmoOperation<T>
    {
        public static T Apply(T memory, T operand) => operand;
    }

    private readonly struct AddOperation<T> : IAmoOperation<T>
        where T : IBinaryInteger<T>
    {
        public static T Apply(T memory, T operand) => unchecked(memory + operand);
    }

    private readonly struct XorOperation<T> : IAmoOperation<T>
        where T : IBinaryInteger<T>
    {
        public static T Apply(T memory, T operand) => memory ^ operand;
    }

    private readonly struct AndOperation<T> : IAmoOperation<T>
        where T : IBinaryInteger<T>
    {
        public static T Apply(T memory, T operand) => memory & operand;
    }

    private readonly struct OrOperation<T> : IAmoOperation<T>
        where T : IBinaryInteger<T>
    {
        public static T Apply(T memory, T operand) => memory | operand;
    }

    private readonly struct MinOperation<T> : IAmoOperation<T>
        where T : IBinaryInteger<T>
    {
        public static T Apply(T memory, T operand) => T.Min(memory, operand);
    }

    private readonly struct MaxOperation<T> : IAmoOperation<T>
        where T : IBinaryInteger<T>
    {
        public static T Apply(T memory, T operand) => T.Max(memory, operand);
    }
}
