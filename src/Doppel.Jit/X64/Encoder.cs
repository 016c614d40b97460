using System.Runtime.CompilerServices;

namespace Doppel.Jit.X64;

/// <summary>Prefixes and operand bytes of the x86-64 encoding (Intel SDM volume 2, chapter 2).</summary>
internal abstract unsafe class Encoder : CodeBuffer
{
    /// <summary>Opcode with a register (or extension digit) and a register operand.</summary>
    private protected void EncodeRr(bool wide, int opcode, int reg, int rm, bool byteReg = false)
    {
        byte* p = Rex(Room(), wide, (reg, 0, rm), byteReg && (reg is >= 4 and < 8 || rm is >= 4 and < 8));
        p = Opcode(p, opcode);
        *p++ = (byte)(0xC0 | ((reg & 7) << 3) | (rm & 7));
        Written(p);
    }

    /// <summary>Opcode with a register (or extension digit) and a memory operand.</summary>
    private protected void EncodeRm(bool wide, int opcode, int reg, Mem mem, bool byteReg = false)
    {
        byte* p = Rex(Room(), wide, (reg, (int)mem.Index, (int)mem.Base), byteReg && reg is >= 4 and < 8);
        Written(ModRm(Opcode(p, opcode), reg, mem));
    }

    /// <summary>VEX instruction with a register operand in the rm place.</summary>
    internal void VexRr(VexOp op, int reg, int vvvv, int rm)
    {
        byte* p = Vex(Room(), op, vvvv, (reg, 0, rm));
        *p++ = (byte)(0xC0 | ((reg & 7) << 3) | (rm & 7));
        Written(p);
    }

    /// <summary>VEX instruction with a memory operand.</summary>
    internal void VexRm(VexOp op, int reg, int vvvv, Mem mem)
    {
        byte* p = Vex(Room(), op, vvvv, (reg, mem.Index == Gpr.Rsp ? 0 : (int)mem.Index, (int)mem.Base));
        Written(ModRm(p, reg, mem));
    }

    // Opcodes above 0xFF carry their 0F (or 0F38) escape; a mandatory prefix has been written by the caller.
    private static byte* Opcode(byte* p, int opcode)
    {
        if (opcode > 0xFFFF) *p++ = (byte)(opcode >> 16);
        if (opcode > 0xFF) *p++ = (byte)(opcode >> 8);
        *p++ = (byte)opcode;
        return p;
    }

    private static byte* Rex(byte* p, bool wide, (int Reg, int Index, int Rm) operands, bool force)
    {
        int rex = (wide ? 8 : 0) | ((operands.Reg >> 3) << 2) | ((operands.Index >> 3) << 1) | (operands.Rm >> 3);
        if (rex != 0 || force) *p++ = (byte)(0x40 | rex);
        return p;
    }

    private static byte* Vex(byte* p, VexOp op, int vvvv, (int Reg, int Index, int Rm) operands)
    {
        int low = ((~vvvv & 15) << 3) | op.Prefix;
        int reg = (~operands.Reg >> 3) & 1;
        if (op.Map == 1 && !op.Wide && operands.Index < 8 && operands.Rm < 8)
        {
            *p++ = 0xC5;
            *p++ = (byte)((reg << 7) | low);
        }
        else
        {
            *p++ = 0xC4;
            *p++ = (byte)((reg << 7) | (((~operands.Index >> 3) & 1) << 6) | (((~operands.Rm >> 3) & 1) << 5) | op.Map);
            *p++ = (byte)((op.Wide ? 0x80 : 0) | low);
        }
        *p++ = op.Opcode;
        return p;
    }

    private static byte* ModRm(byte* p, int reg, Mem mem)
    {
        int digit = (reg & 7) << 3;
        int low = (int)mem.Base & 7;
        bool sib = mem.Index != Gpr.Rsp || low == 4;
        // A base of rbp or r13 without displacement is encoded as another mode, so these always carry one.
        int mode = mem.Disp == 0 && low != 5 ? 0 : mem.Disp is >= -128 and < 128 ? 0x40 : 0x80;
        *p++ = (byte)(mode | digit | (sib ? 4 : low));
        if (sib) *p++ = (byte)((mem.Scale << 6) | (((int)mem.Index & 7) << 3) | low);
        if (mode == 0x40)
        {
            *p++ = (byte)mem.Disp;
        }
        else if (mode == 0x80)
        {
            Unsafe.WriteUnaligned(p, mem.Disp);
            p += 4;
        }
        return p;
    }
}

/// <summary>Opcode, map (1 = 0F, 2 = 0F38, 3 = 0F3A), mandatory prefix (0 none, 1 = 66, 2 = F3, 3 = F2) and W of a VEX instruction.</summary>
internal readonly record struct VexOp(byte Opcode, byte Map, byte Prefix, bool Wide = false);
