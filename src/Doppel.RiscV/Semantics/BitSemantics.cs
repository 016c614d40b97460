using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Doppel.RiscV.Context;
using static Doppel.RiscV.Semantics.Flow;

namespace Doppel.RiscV.Semantics;

/// <summary>Zba, Zbb, Zbs, Zbc and Zicond (unprivileged manual, chapters "B" and "Zicond").</summary>
internal static unsafe class BitSemantics
{
    internal static DecodedInstruction* AddUw(HartContext* c, DecodedInstruction* i) => Write(c, i, (uint)Rs1(c, i) + Rs2(c, i));

    internal static DecodedInstruction* Sh1add(HartContext* c, DecodedInstruction* i) => Write(c, i, (Rs1(c, i) << 1) + Rs2(c, i));

    internal static DecodedInstruction* Sh2add(HartContext* c, DecodedInstruction* i) => Write(c, i, (Rs1(c, i) << 2) + Rs2(c, i));

    internal static DecodedInstruction* Sh3add(HartContext* c, DecodedInstruction* i) => Write(c, i, (Rs1(c, i) << 3) + Rs2(c, i));

    internal static DecodedInstruction* Sh1addUw(HartContext* c, DecodedInstruction* i) => Write(c, i, ((ulong)(uint)Rs1(c, i) << 1) + Rs2(c, i));

    internal static DecodedInstruction* Sh2addUw(HartContext* c, DecodedInstruction* i) => Write(c, i, ((ulong)(uint)Rs1(c, i) << 2) + Rs2(c, i));

    internal static DecodedInstruction* Sh3addUw(HartContext* c, DecodedInstruction* i) => Write(c, i, ((ulong)(uint)Rs1(c, i) << 3) + Rs2(c, i));

    internal static DecodedInstruction* SlliUw(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)(uint)Rs1(c, i) << i->Imm);

    internal static DecodedInstruction* Andn(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) & ~Rs2(c, i));

    internal static DecodedInstruction* Orn(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) | ~Rs2(c, i));

    internal static DecodedInstruction* Xnor(HartContext* c, DecodedInstruction* i) => Write(c, i, ~(Rs1(c, i) ^ Rs2(c, i)));

    internal static DecodedInstruction* Clz(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)BitOperations.LeadingZeroCount(Rs1(c, i)));

    internal static DecodedInstruction* Ctz(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)BitOperations.TrailingZeroCount(Rs1(c, i)));

    internal static DecodedInstruction* Cpop(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)BitOperations.PopCount(Rs1(c, i)));

    internal static DecodedInstruction* Clzw(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)BitOperations.LeadingZeroCount((uint)Rs1(c, i)));

    internal static DecodedInstruction* Ctzw(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)BitOperations.TrailingZeroCount((uint)Rs1(c, i)));

    internal static DecodedInstruction* Cpopw(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)BitOperations.PopCount((uint)Rs1(c, i)));

    internal static DecodedInstruction* Max(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)Math.Max((long)Rs1(c, i), (long)Rs2(c, i)));

    internal static DecodedInstruction* Maxu(HartContext* c, DecodedInstruction* i) => Write(c, i, Math.Max(Rs1(c, i), Rs2(c, i)));

    internal static DecodedInstruction* Min(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)Math.Min((long)Rs1(c, i), (long)Rs2(c, i)));

    internal static DecodedInstruction* Minu(HartContext* c, DecodedInstruction* i) => Write(c, i, Math.Min(Rs1(c, i), Rs2(c, i)));

    internal static DecodedInstruction* SextB(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)(sbyte)Rs1(c, i));

    internal static DecodedInstruction* SextH(HartContext* c, DecodedInstruction* i) => Write(c, i, (ulong)(short)Rs1(c, i));

    internal static DecodedInstruction* ZextH(HartContext* c, DecodedInstruction* i) => Write(c, i, (ushort)Rs1(c, i));

    internal static DecodedInstruction* Rol(HartContext* c, DecodedInstruction* i) => Write(c, i, BitOperations.RotateLeft(Rs1(c, i), (int)Rs2(c, i)));

    internal static DecodedInstruction* Ror(HartContext* c, DecodedInstruction* i) => Write(c, i, BitOperations.RotateRight(Rs1(c, i), (int)Rs2(c, i)));

    internal static DecodedInstruction* Rori(HartContext* c, DecodedInstruction* i) => Write(c, i, BitOperations.RotateRight(Rs1(c, i), i->Imm));

    internal static DecodedInstruction* Rolw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, BitOperations.RotateLeft((uint)Rs1(c, i), (int)Rs2(c, i)));

    internal static DecodedInstruction* Rorw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, BitOperations.RotateRight((uint)Rs1(c, i), (int)Rs2(c, i)));

    internal static DecodedInstruction* Roriw(HartContext* c, DecodedInstruction* i) => WriteWord(c, i, BitOperations.RotateRight((uint)Rs1(c, i), i->Imm));

    internal static DecodedInstruction* OrcB(HartContext* c, DecodedInstruction* i)
    {
        ulong value = Rs1(c, i);
        value |= (value >> 4) & 0x0F0F0F0F0F0F0F0F;
        value |= (value >> 2) & 0x0303030303030303;
        value |= (value >> 1) & 0x0101010101010101;
        return Write(c, i, (value & 0x0101010101010101) * 0xFF);
    }

    internal static DecodedInstruction* Rev8(HartContext* c, DecodedInstruction* i) => Write(c, i, BinaryPrimitives.ReverseEndianness(Rs1(c, i)));

    internal static DecodedInstruction* Bclr(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) & ~(1UL << (int)Rs2(c, i)));

    internal static DecodedInstruction* Bclri(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) & ~(1UL << i->Imm));

    internal static DecodedInstruction* Bext(HartContext* c, DecodedInstruction* i) => Write(c, i, (Rs1(c, i) >> (int)Rs2(c, i)) & 1);

    internal static DecodedInstruction* Bexti(HartContext* c, DecodedInstruction* i) => Write(c, i, (Rs1(c, i) >> i->Imm) & 1);

    internal static DecodedInstruction* Binv(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) ^ (1UL << (int)Rs2(c, i)));

    internal static DecodedInstruction* Binvi(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) ^ (1UL << i->Imm));

    internal static DecodedInstruction* Bset(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) | (1UL << (int)Rs2(c, i)));

    internal static DecodedInstruction* Bseti(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs1(c, i) | (1UL << i->Imm));

    internal static DecodedInstruction* Clmul(HartContext* c, DecodedInstruction* i) => Write(c, i, CarrylessProduct(Rs1(c, i), Rs2(c, i)).Low);

    internal static DecodedInstruction* Clmulh(HartContext* c, DecodedInstruction* i) => Write(c, i, CarrylessProduct(Rs1(c, i), Rs2(c, i)).High);

    internal static DecodedInstruction* Clmulr(HartContext* c, DecodedInstruction* i)
    {
        (ulong low, ulong high) = CarrylessProduct(Rs1(c, i), Rs2(c, i));
        // Bits 126 to 63 of the product.
        return Write(c, i, (high << 1) | (low >> 63));
    }

    internal static DecodedInstruction* CzeroEqz(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs2(c, i) == 0 ? 0 : Rs1(c, i));

    internal static DecodedInstruction* CzeroNez(HartContext* c, DecodedInstruction* i) => Write(c, i, Rs2(c, i) != 0 ? 0 : Rs1(c, i));

    private static (ulong Low, ulong High) CarrylessProduct(ulong a, ulong b)
    {
        if (Pclmulqdq.IsSupported)
        {
            Vector128<ulong> product = Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar(a), Vector128.CreateScalar(b), 0);
            return (product[0], product[1]);
        }
        ulong low = 0, high = 0;
        for (int bit = 0; bit < 64; bit++)
        {
            if (((b >> bit) & 1) == 0) continue;
            low ^= a << bit;
            if (bit != 0) high ^= a >> (64 - bit);
        }
        return (low, high);
    }
}
