namespace Doppel.Jit.X64;

/// <summary>Emits the general-purpose instructions that generated code needs. Sizes are in bytes; <c>wide</c> is a 64-bit operation.</summary>
internal sealed class Assembler : Encoder
{
    internal void Op(Alu op, bool wide, Gpr dst, Gpr src) => EncodeRr(wide, ((int)op << 3) | 3, (int)dst, (int)src);

    internal void Op(Alu op, bool wide, Gpr dst, Mem src) => EncodeRm(wide, ((int)op << 3) | 3, (int)dst, src);

    internal void Op(Alu op, bool wide, Mem dst, Gpr src) => EncodeRm(wide, ((int)op << 3) | 1, (int)src, dst);

    internal void Op(Alu op, bool wide, Gpr dst, int imm)
    {
        bool small = imm is >= -128 and < 128;
        EncodeRr(wide, small ? 0x83 : 0x81, (int)op, (int)dst);
        Immediate(small, imm);
    }

    internal void Op(Alu op, bool wide, Mem dst, int imm)
    {
        bool small = imm is >= -128 and < 128;
        EncodeRm(wide, small ? 0x83 : 0x81, (int)op, dst);
        Immediate(small, imm);
    }

    internal void CmpByte(Mem mem, int imm)
    {
        EncodeRm(false, 0x80, 7, mem);
        Byte(imm);
    }

    internal void Test(bool wide, Gpr a, Gpr b) => EncodeRr(wide, 0x85, (int)b, (int)a);

    internal void Test(bool wide, Gpr a, int imm)
    {
        EncodeRr(wide, 0xF7, 0, (int)a);
        Int32(imm);
    }

    internal void Test(bool wide, Mem mem, int imm)
    {
        EncodeRm(wide, 0xF7, 0, mem);
        Int32(imm);
    }

    internal void Mov(bool wide, Gpr dst, Gpr src) => EncodeRr(wide, 0x8B, (int)dst, (int)src);

    /// <summary>Loads a constant with the shortest form; leaves the flags alone.</summary>
    internal void MovImm(Gpr dst, long value)
    {
        if (value is >= 0 and <= uint.MaxValue)
        {
            if ((int)dst >= 8) Byte(0x41);
            Byte(0xB8 | ((int)dst & 7));
            Int32((int)value);
        }
        else if (value is >= int.MinValue and < 0)
        {
            EncodeRr(true, 0xC7, 0, (int)dst);
            Int32((int)value);
        }
        else
        {
            Byte(0x48 | ((int)dst >> 3));
            Byte(0xB8 | ((int)dst & 7));
            Int64(value);
        }
    }

    /// <summary>Loads and extends to 64 bits.</summary>
    internal void Load(int size, bool signed, Gpr dst, Mem src)
    {
        (bool wide, int opcode) = LoadForm(size, signed);
        EncodeRm(wide, opcode, (int)dst, src);
    }

    /// <summary>Extends the low bytes of a register to 64 bits.</summary>
    internal void Extend(int size, bool signed, Gpr dst, Gpr src)
    {
        (bool wide, int opcode) = LoadForm(size, signed);
        EncodeRr(wide, opcode, (int)dst, (int)src, byteReg: size == 1);
    }

    internal void Store(int size, Mem dst, Gpr src)
    {
        if (size == 2) Byte(0x66);
        EncodeRm(size == 8, size == 1 ? 0x88 : 0x89, (int)src, dst, byteReg: size == 1);
    }

    internal void StoreImm(int size, Mem dst, int imm)
    {
        if (size == 2) Byte(0x66);
        EncodeRm(size == 8, size == 1 ? 0xC6 : 0xC7, 0, dst);
        if (size == 1)
        {
            Byte(imm);
        }
        else if (size == 2)
        {
            Byte(imm);
            Byte(imm >> 8);
        }
        else
        {
            Int32(imm);
        }
    }

    internal void Lea(bool wide, Gpr dst, Mem src) => EncodeRm(wide, 0x8D, (int)dst, src);

    internal void ShiftImm(Shift op, bool wide, Gpr dst, int count)
    {
        EncodeRr(wide, 0xC1, (int)op, (int)dst);
        Byte(count);
    }

    /// <summary>BMI2 shift by a register: no flags, any count register. Rotates have no such form.</summary>
    internal void ShiftX(Shift op, bool wide, Gpr dst, Gpr src, Gpr count)
    {
        byte prefix = op switch { Shift.Shl => 1, Shift.Sar => 2, _ => 3 };
        VexRr(new VexOp(0xF7, 2, prefix, wide), (int)dst, (int)count, (int)src);
    }

    /// <summary>Rotate by cl.</summary>
    internal void ShiftCl(Shift op, bool wide, Gpr dst) => EncodeRr(wide, 0xD3, (int)op, (int)dst);

    /// <summary>BMI2 rotate right by a constant into another register.</summary>
    internal void Rorx(bool wide, Gpr dst, Gpr src, int count)
    {
        VexRr(new VexOp(0xF0, 3, 3, wide), (int)dst, 0, (int)src);
        Byte(count);
    }

    /// <summary>BMI1: dst = ~a &amp; b.</summary>
    internal void Andn(bool wide, Gpr dst, Gpr a, Gpr b) => VexRr(new VexOp(0xF2, 2, 0, wide), (int)dst, (int)a, (int)b);

    internal void Imul(bool wide, Gpr dst, Gpr src) => EncodeRr(wide, 0x0FAF, (int)dst, (int)src);

    internal void Imul(bool wide, Gpr dst, Mem src) => EncodeRm(wide, 0x0FAF, (int)dst, src);

    internal void Unary(Unary op, bool wide, Gpr operand) => EncodeRr(wide, 0xF7, (int)op, (int)operand);

    internal void Unary(Unary op, bool wide, Mem operand) => EncodeRm(wide, 0xF7, (int)op, operand);

    /// <summary>Sign of rax (eax) into rdx (edx).</summary>
    internal void Cqo(bool wide)
    {
        if (wide) Byte(0x48);
        Byte(0x99);
    }

    internal void Setcc(Cond cond, Gpr dst) => EncodeRr(false, 0x0F90 | (int)cond, 0, (int)dst, byteReg: true);

    internal void Cmov(Cond cond, bool wide, Gpr dst, Gpr src) => EncodeRr(wide, 0x0F40 | (int)cond, (int)dst, (int)src);

    internal void Lzcnt(bool wide, Gpr dst, Gpr src) => Prefixed(0xF3, wide, 0x0FBD, dst, src);

    internal void Tzcnt(bool wide, Gpr dst, Gpr src) => Prefixed(0xF3, wide, 0x0FBC, dst, src);

    internal void Popcnt(bool wide, Gpr dst, Gpr src) => Prefixed(0xF3, wide, 0x0FB8, dst, src);

    internal void Bswap(Gpr dst)
    {
        Byte(0x48 | ((int)dst >> 3));
        Byte(0x0F);
        Byte(0xC8 | ((int)dst & 7));
    }

    /// <summary>Bit operation with a bit number in a register: BT A3, BTS AB, BTR B3, BTC BB.</summary>
    internal void BitOp(int opcode, Gpr dst, Gpr bit) => EncodeRr(true, 0x0F00 | opcode, (int)bit, (int)dst);

    internal void Xchg(Gpr a, Gpr b) => EncodeRr(true, 0x87, (int)b, (int)a);

    internal void Xchg(bool wide, Mem mem, Gpr reg) => EncodeRm(wide, 0x87, (int)reg, mem);

    internal void Xadd(bool wide, bool locked, Mem mem, Gpr reg)
    {
        if (locked) Byte(0xF0);
        EncodeRm(wide, 0x0FC1, (int)reg, mem);
    }

    /// <summary>Compares rax with memory; stores reg when equal (ZF), else loads rax.</summary>
    internal void CmpXchg(bool wide, bool locked, Mem mem, Gpr reg)
    {
        if (locked) Byte(0xF0);
        EncodeRm(wide, 0x0FB1, (int)reg, mem);
    }

    internal void Mfence()
    {
        Byte(0x0F);
        Byte(0xAE);
        Byte(0xF0);
    }

    internal void Push(Gpr reg)
    {
        if ((int)reg >= 8) Byte(0x41);
        Byte(0x50 | ((int)reg & 7));
    }

    internal void Pop(Gpr reg)
    {
        if ((int)reg >= 8) Byte(0x41);
        Byte(0x58 | ((int)reg & 7));
    }

    internal void Push(Mem mem) => EncodeRm(false, 0xFF, 6, mem);

    internal void Pop(Mem mem) => EncodeRm(false, 0x8F, 0, mem);

    /// <summary>Pushes a constant, sign-extended.</summary>
    internal void PushImm(sbyte value)
    {
        Byte(0x6A);
        Byte(value);
    }

    internal void Ret() => Byte(0xC3);

    /// <summary>An instruction of five bytes that does nothing.</summary>
    internal void Nop5()
    {
        Byte(0x0F);
        Int32(0x00_00_44_1F);
    }

    internal void Ldmxcsr(Mem mem) => EncodeRm(false, 0x0FAE, 2, mem);

    internal void Stmxcsr(Mem mem) => EncodeRm(false, 0x0FAE, 3, mem);

    internal void Jmp(Gpr target) => EncodeRr(false, 0xFF, 4, (int)target);

    internal void Jmp(Mem target) => EncodeRm(false, 0xFF, 4, target);

    internal void Call(Gpr target) => EncodeRr(false, 0xFF, 2, (int)target);

    internal void Call(Mem target) => EncodeRm(false, 0xFF, 2, target);

    /// <summary>Jump to a label; a short forward jump must reach within 127 bytes.</summary>
    internal void Jmp(Label target, bool isShort = false) => Branch(target, isShort, 0xEB, 0xE9);

    internal void Jcc(Cond cond, Label target, bool isShort = false) => Branch(target, isShort, 0x70 | (int)cond, 0x0F80 | (int)cond);

    internal void Call(Label target) => Branch(target, false, 0, 0xE8);

    /// <summary>Jump to an address in the executable view, within 2 GiB, always with a 32-bit distance that can be patched later.</summary>
    /// <returns>Offset of the distance field.</returns>
    internal int JmpAbsolute(nint target)
    {
        Byte(0xE9);
        Int32((int)(target - (Here + 4)));
        return Position - 4;
    }

    /// <summary>Conditional jump to an address in the executable view, within 2 GiB.</summary>
    internal int JccAbsolute(Cond cond, nint target)
    {
        Byte(0x0F);
        Byte(0x80 | (int)cond);
        Int32((int)(target - (Here + 4)));
        return Position - 4;
    }

    /// <summary>Call of an address in the executable view, within 2 GiB.</summary>
    internal void CallAbsolute(nint target)
    {
        Byte(0xE8);
        Int32((int)(target - (Here + 4)));
    }

    /// <summary>Fills up to an alignment (a power of two, at most 64) of the executable address.</summary>
    internal void Align(int alignment)
    {
        while (((int)Here & (alignment - 1)) != 0) Byte(0xCC);
    }

    private void Branch(Label target, bool isShort, int shortOpcode, int nearOpcode)
    {
        int? shortDistance = shortOpcode == 0 ? null : BackwardDistance(target, 2);
        if (shortDistance is >= -128)
        {
            Byte(shortOpcode);
            Byte(BackwardDistance(target, 1)!.Value);
            return;
        }
        bool useShort = isShort && shortDistance is null;
        if (useShort)
        {
            Byte(shortOpcode);
            ForwardDistance(target, 1);
            return;
        }
        if (nearOpcode > 0xFF) Byte(nearOpcode >> 8);
        Byte(nearOpcode);
        if (BackwardDistance(target, 4) is { } distance) Int32(distance);
        else ForwardDistance(target, 4);
    }

    private void Prefixed(int prefix, bool wide, int opcode, Gpr dst, Gpr src)
    {
        Byte(prefix);
        EncodeRr(wide, opcode, (int)dst, (int)src);
    }

    private void Immediate(bool small, int imm)
    {
        if (small) Byte(imm);
        else Int32(imm);
    }

    // 32-bit moves clear the upper half; sign extension needs the wide form.
    private static (bool Wide, int Opcode) LoadForm(int size, bool signed) => (size, signed) switch
    {
        (1, false) => (false, 0x0FB6),
        (1, true) => (true, 0x0FBE),
        (2, false) => (false, 0x0FB7),
        (2, true) => (true, 0x0FBF),
        (4, false) => (false, 0x8B),
        (4, true) => (true, 0x63),
        _ => (true, 0x8B),
    };
}
