namespace Doppel.Jit.X64;

/// <summary>Prefixes and operand bytes of the x86-64 encoding (Intel SDM volume 2, chapter 2).</summary>
internal abstract class Encoder : CodeBuffer
{
    /// <summary>Opcode with a register (or extension digit) and a register operand.</summary>
    private protected void EncodeRr(bool wide, int opcode, int reg, int rm, bool byteReg = false)
    {
        Rex(wide, reg, 0, rm, byteReg && (reg is >= 4 and < 8 || rm is >= 4 and < 8));
        Opcode(opcode);
        Byte(0xC0 | ((reg & 7) << 3) | (rm & 7));
    }

    /// <summary>Opcode with a register (or extension digit) and a memory operand.</summary>
    private protected void EncodeRm(bool wide, int opcode, int reg, Mem mem, bool byteReg = false)
    {
        Rex(wide, reg, (int)mem.Index, (int)mem.Base, byteReg && reg is >= 4 and < 8);
        Opcode(opcode);
        ModRm(reg, mem);
    }

    /// <summary>VEX instruction with a register operand in the rm place.</summary>
    internal void VexRr(VexOp op, int reg, int vvvv, int rm)
    {
        Vex(op, reg, vvvv, 0, rm);
        Byte(0xC0 | ((reg & 7) << 3) | (rm & 7));
    }

    /// <summary>VEX instruction with a memory operand.</summary>
    internal void VexRm(VexOp op, int reg, int vvvv, Mem mem)
    {
        Vex(op, reg, vvvv, mem.Index == Gpr.Rsp ? 0 : (int)mem.Index, (int)mem.Base);
        ModRm(reg, mem);
    }

    // Opcodes above 0xFF carry their 0F (or 0F38) escape and mandatory prefix: 0xPP_0F_xx with the prefix already written by the caller.
    private void Opcode(int opcode)
    {
        if (opcode > 0xFFFF) Byte(opcode >> 16);
        if (opcode > 0xFF) Byte(opcode >> 8);
        Byte(opcode);
    }

    private void Rex(bool wide, int reg, int index, int rm, bool force)
    {
        int rex = (wide ? 8 : 0) | ((reg >> 3) << 2) | ((index >> 3) << 1) | (rm >> 3);
        if (rex != 0 || force) Byte(0x40 | rex);
    }

    private void Vex(VexOp op, int reg, int vvvv, int index, int rm)
    {
        int low = ((~vvvv & 15) << 3) | op.Prefix;
        if (op.Map == 1 && !op.Wide && index < 8 && rm < 8)
        {
            Byte(0xC5);
            Byte(((~reg >> 3) & 1) << 7 | low);
        }
        else
        {
            Byte(0xC4);
            Byte((((~reg >> 3) & 1) << 7) | (((~index >> 3) & 1) << 6) | (((~rm >> 3) & 1) << 5) | op.Map);
            Byte((op.Wide ? 0x80 : 0) | low);
        }
        Byte(op.Opcode);
    }

    private void ModRm(int reg, Mem mem)
    {
        int digit = (reg & 7) << 3;
        int low = (int)mem.Base & 7;
        bool sib = mem.Index != Gpr.Rsp || low == 4;
        // A base of rbp or r13 without displacement is encoded as another mode, so these always carry one.
        int mode = mem.Disp == 0 && low != 5 ? 0 : mem.Disp is >= -128 and < 128 ? 0x40 : 0x80;
        Byte(mode | digit | (sib ? 4 : low));
        if (sib) Byte((mem.Scale << 6) | (((int)mem.Index & 7) << 3) | low);
        if (mode == 0x40) Byte(mem.Disp);
        else if (mode == 0x80) Int32(mem.Disp);
    }
}

/// <summary>Opcode, map (1 = 0F, 2 = 0F38, 3 = 0F3A), mandatory prefix (0 none, 1 = 66, 2 = F3, 3 = F2) and W of a VEX instruction.</summary>
internal readonly record struct VexOp(byte Opcode, byte Map, byte Prefix, bool Wide = false);
