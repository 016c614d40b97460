namespace Doppel.Jit.X64;

/// <summary>
/// Scalar floating-point instructions in their VEX forms, which take three operands, keep the upper bits of the first source, and cost
/// no transition whatever the runtime left in the upper halves. Single precision is prefix F3, double F2.
/// </summary>
internal static class VectorForms
{
    internal const byte AddOp = 0x58, MulOp = 0x59, SubOp = 0x5C, MinOp = 0x5D, DivOp = 0x5E, MaxOp = 0x5F, SqrtOp = 0x51;
    internal const byte AndOp = 0x54, AndnOp = 0x55, OrOp = 0x56, XorOp = 0x57;

    /// <summary>dst = a op b on the lowest element; the rest of dst comes from a.</summary>
    internal static void Scalar(this Assembler asm, byte opcode, bool isDouble, Xmm dst, Xmm a, Xmm b) =>
        asm.VexRr(new VexOp(opcode, 1, ScalarPrefix(isDouble)), (int)dst, (int)a, (int)b);

    internal static void Scalar(this Assembler asm, byte opcode, bool isDouble, Xmm dst, Xmm a, Mem b) =>
        asm.VexRm(new VexOp(opcode, 1, ScalarPrefix(isDouble)), (int)dst, (int)a, b);

    /// <summary>Bitwise operation on 128 bits.</summary>
    internal static void Logic(this Assembler asm, byte opcode, Xmm dst, Xmm a, Xmm b) =>
        asm.VexRr(new VexOp(opcode, 1, 0), (int)dst, (int)a, (int)b);

    internal static void Logic(this Assembler asm, byte opcode, Xmm dst, Xmm a, Mem b) =>
        asm.VexRm(new VexOp(opcode, 1, 0), (int)dst, (int)a, b);

    /// <summary>Fused multiply-add of the 231 order: dst = ±(a * b) ± dst. B9 add, BB subtract, BD negated add, BF negated subtract.</summary>
    internal static void Fma231(this Assembler asm, byte opcode, bool isDouble, Xmm dst, Xmm a, Xmm b) =>
        asm.VexRr(new VexOp(opcode, 2, 1, isDouble), (int)dst, (int)a, (int)b);

    internal static void MoveXmm(this Assembler asm, Xmm dst, Xmm src) => asm.VexRr(new VexOp(0x28, 1, 0), (int)dst, 0, (int)src);

    /// <summary>Loads the lowest element and clears the rest.</summary>
    internal static void LoadXmm(this Assembler asm, bool isDouble, Xmm dst, Mem src) =>
        asm.VexRm(new VexOp(0x10, 1, ScalarPrefix(isDouble)), (int)dst, 0, src);

    internal static void StoreXmm(this Assembler asm, bool isDouble, Mem dst, Xmm src) =>
        asm.VexRm(new VexOp(0x11, 1, ScalarPrefix(isDouble)), (int)src, 0, dst);

    /// <summary>Stores 16 bytes at any alignment.</summary>
    internal static void StoreVector(this Assembler asm, Mem dst, Xmm src) => asm.VexRm(new VexOp(0x11, 1, 0), (int)src, 0, dst);

    /// <summary>dst = for each byte all ones where a and b are equal, else zero.</summary>
    internal static void CompareBytes(this Assembler asm, Xmm dst, Xmm a, Xmm b) => asm.VexRr(new VexOp(0x74, 1, 1), (int)dst, (int)a, (int)b);

    internal static void MoveToXmm(this Assembler asm, bool wide, Xmm dst, Gpr src) =>
        asm.VexRr(new VexOp(0x6E, 1, 1, wide), (int)dst, 0, (int)src);

    internal static void MoveFromXmm(this Assembler asm, bool wide, Gpr dst, Xmm src) =>
        asm.VexRr(new VexOp(0x7E, 1, 1, wide), (int)src, 0, (int)dst);

    /// <summary>dst = upper 64 bits of src.</summary>
    internal static void MoveUpperFromXmm(this Assembler asm, Gpr dst, Xmm src)
    {
        asm.VexRr(new VexOp(0x16, 3, 1, true), (int)src, 0, (int)dst);
        asm.Byte(1);
    }

    /// <summary>PCLMULQDQ: dst = product, without carries, of the lower 64 bits of a and b.</summary>
    internal static void MultiplyCarryless(this Assembler asm, Xmm dst, Xmm a, Xmm b)
    {
        asm.VexRr(new VexOp(0x44, 3, 1), (int)dst, (int)a, (int)b);
        asm.Byte(0);
    }

    /// <summary>Compares into ZF, PF and CF. A signalling compare raises the invalid flag for every NaN, a quiet one for signalling NaNs.</summary>
    internal static void CompareXmm(this Assembler asm, bool signalling, bool isDouble, Xmm a, Xmm b) =>
        asm.VexRr(new VexOp((byte)(signalling ? 0x2F : 0x2E), 1, (byte)(isDouble ? 1 : 0)), (int)a, 0, (int)b);

    /// <summary>Converts between single and double; the upper bits of dst come from upper.</summary>
    internal static void ConvertPrecision(this Assembler asm, bool fromDouble, Xmm dst, Xmm upper, Xmm src) =>
        asm.VexRr(new VexOp(0x5A, 1, ScalarPrefix(fromDouble)), (int)dst, (int)upper, (int)src);

    internal static void ConvertFromInt(this Assembler asm, bool isDouble, bool wide, Xmm dst, Xmm upper, Gpr src) =>
        asm.VexRr(new VexOp(0x2A, 1, ScalarPrefix(isDouble), wide), (int)dst, (int)upper, (int)src);

    /// <summary>Converts to a signed integer; out of range gives the sign bit alone and raises the invalid flag.</summary>
    internal static void ConvertToInt(this Assembler asm, bool truncate, bool isDouble, bool wide, Gpr dst, Xmm src) =>
        asm.VexRr(new VexOp((byte)(truncate ? 0x2C : 0x2D), 1, ScalarPrefix(isDouble), wide), (int)dst, 0, (int)src);

    /// <summary>Rounds to an integer: mode 0 nearest or even, 1 down, 2 up. Raises the inexact flag; the upper bits of dst come from upper.</summary>
    internal static void RoundScalar(this Assembler asm, bool isDouble, Xmm dst, Xmm upper, Xmm src, int mode)
    {
        asm.VexRr(new VexOp((byte)(isDouble ? 0x0B : 0x0A), 3, 1), (int)dst, (int)upper, (int)src);
        asm.Byte(mode);
    }

    private static byte ScalarPrefix(bool isDouble) => (byte)(isDouble ? 3 : 2);
}
