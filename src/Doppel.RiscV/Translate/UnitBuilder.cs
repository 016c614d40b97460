using Doppel.Jit.Ir;

namespace Doppel.RiscV.Translate;

/// <summary>
/// Appends operations for one guest instruction after the other, and knows which registers hold constants or addresses on the code page,
/// so that pairs such as LUI and ADDI fold. One thread at a time.
/// </summary>
internal sealed class UnitBuilder
{
    /// <summary>Slot of f0; x0 has a slot number but is never used as one.</summary>
    internal const short FirstFloat = 32;

    private readonly long[] _values = new long[32];
    private uint _constants;
    private uint _codeRelative;

    /// <summary>False to know nothing of what registers hold.</summary>
    internal bool Folds { get; init; } = true;

    internal IrUnit Unit { get; private set; } = new();

    /// <summary>Offset on the page of the instruction that is being lifted, and its length in bytes.</summary>
    internal int Offset { get; private set; }

    internal int Length { get; private set; }

    /// <summary>True once the unit has checked that floating point may run on the host.</summary>
    internal bool FloatChecked { get; set; }

    /// <summary>True once the unit has checked that floating-point registers may be read.</summary>
    internal bool FloatReadChecked { get; set; }

    /// <summary>True after an operation that always leaves the unit.</summary>
    internal bool IsClosed { get; private set; }

    internal void Begin(IrUnit unit, int offset, int mode)
    {
        Unit = unit;
        unit.Begin(offset, mode);
        _constants = _codeRelative = 0;
        FloatChecked = FloatReadChecked = false;
        IsClosed = false;
    }

    internal void BeginInstruction(int offset, int length)
    {
        Offset = offset;
        Length = length;
    }

    internal void EndInstruction() => Unit.GuestCount++;

    /// <summary>Appends an operation and stamps it with the guest instruction.</summary>
    internal ref IrInst Add(IrOp op)
    {
        ref IrInst inst = ref Unit.Add(op);
        inst.GuestOffset = (ushort)Offset;
        inst.Before = (ushort)Unit.GuestCount;
        return ref inst;
    }

    /// <summary>rd = a op b. Writes to x0 are dropped, constants fold.</summary>
    internal void Binary(IrOp op, uint rd, uint a, uint b, bool word = false)
    {
        if (rd == 0) return;
        if (TryConstant(b, out long value))
        {
            BinaryImmediate(op, rd, a, value, word);
            return;
        }
        ref IrInst inst = ref AddWriting(op, rd);
        inst.A = Source(a);
        inst.B = (short)b;
        inst.Word = word;
    }

    /// <summary>rd = a op imm.</summary>
    internal void BinaryImmediate(IrOp op, uint rd, uint a, long imm, bool word = false)
    {
        if (rd == 0) return;
        if (TryConstant(a, out long value) && ConstantFolder.TryFold(op, value, imm, word, out long folded))
        {
            Constant(rd, folded);
            return;
        }
        if (op == IrOp.Add && !word && IsCodeRelative(a, out long offset))
        {
            CodeAddress(rd, offset + imm);
            return;
        }
        if (op == IrOp.Add && !word && imm == 0)
        {
            Move(rd, a);
            return;
        }
        if (op is IrOp.Shr or IrOp.Sar && !word && TryFoldShiftPair(op, rd, a, imm)) return;
        ref IrInst inst = ref AddWriting(op, rd);
        inst.A = Source(a);
        inst.Imm = imm;
        inst.Word = word;
    }

    internal void Move(uint rd, uint a)
    {
        if (rd == 0) return;
        if (TryConstant(a, out long value))
        {
            Constant(rd, value);
            return;
        }
        bool relative = IsCodeRelative(a, out long offset);
        AddWriting(IrOp.Mov, rd).A = (short)a;
        if (relative) SetCodeRelative(rd, offset);
    }

    internal void Constant(uint rd, long value)
    {
        if (rd == 0) return;
        AddWriting(IrOp.Mov, rd).Imm = value;
        if (!Folds) return;
        _constants |= 1u << (int)rd;
        _values[rd] = value;
    }

    /// <summary>rd = address of the code page + offset.</summary>
    internal void CodeAddress(uint rd, long offset)
    {
        if (rd == 0) return;
        if (offset != (int)offset)
        {
            AddWriting(IrOp.CodeAddress, rd);
            AddWriting(IrOp.Add, rd).A = (short)rd;
            Unit.Insts[^1].Imm = offset;
            return;
        }
        AddWriting(IrOp.CodeAddress, rd).Imm = offset;
        SetCodeRelative(rd, offset);
    }

    /// <summary>An operation that writes an integer register in a way that is not known here.</summary>
    internal ref IrInst AddWriting(IrOp op, uint rd)
    {
        Forget(rd);
        ref IrInst inst = ref Add(op);
        inst.Dst = Destination(rd);
        return ref inst;
    }

    /// <summary>An operation at the address of a register plus offset.</summary>
    internal ref IrInst AddAccess(IrOp op, uint baseRegister, long offset, int size)
    {
        ref IrInst inst = ref Add(op);
        inst.Size = (byte)size;
        inst.A = Source(baseRegister);
        inst.Imm = offset;
        return ref inst;
    }

    /// <summary>An operation that always leaves the unit.</summary>
    internal ref IrInst Close(IrOp op)
    {
        IsClosed = true;
        return ref Add(op);
    }

    /// <summary>True if a register is known to hold the code page's address plus an offset.</summary>
    internal bool IsCodeRelative(uint register, out long offset)
    {
        offset = _values[register];
        return (_codeRelative & (1u << (int)register)) != 0;
    }

    internal void Forget(uint register)
    {
        _constants &= ~(1u << (int)register);
        _codeRelative &= ~(1u << (int)register);
    }

    /// <summary>Slot to read, absent (zero) for x0.</summary>
    internal static short Source(uint register) => register == 0 ? IrInst.None : (short)register;

    /// <summary>Slot to write, absent for x0.</summary>
    internal static short Destination(uint register) => register == 0 ? IrInst.None : (short)register;

    /// <summary>True if a register is known to hold a constant.</summary>
    internal bool TryConstant(uint register, out long value)
    {
        value = register == 0 ? 0 : _values[register];
        return register == 0 || (_constants & (1u << (int)register)) != 0;
    }

    private void SetCodeRelative(uint register, long offset)
    {
        if (!Folds) return;
        _codeRelative |= 1u << (int)register;
        _values[register] = offset;
    }

    // SLLI and SRLI or SRAI by constants: what compilers make of extensions where Zba and Zbb are missing.
    private bool TryFoldShiftPair(IrOp op, uint rd, uint a, long right)
    {
        if (!Folds || a != rd || Unit.Count == 0) return false;
        ref IrInst shl = ref Unit.Insts[^1];
        if (shl.Op != IrOp.Shl || shl.Dst != (short)rd || shl.B >= 0 || shl.Word || shl.A < 0) return false;
        bool signed = op == IrOp.Sar;
        if (shl.Imm == right && right is 32 or 48 or 56 && shl.Imm == right)
        {
            Rewrite(ref shl, IrOp.Extend);
            shl.Size = (byte)((64 - right) / 8);
            shl.Signed = signed;
            return true;
        }
        if (signed || shl.Imm != 32 || right > 32) return false;
        Rewrite(ref shl, IrOp.ZeroExtendShl);
        shl.Imm = 32 - right;
        return true;
    }

    // The pair becomes one operation of the second instruction; neither can fault, so nothing sees the state between them.
    private void Rewrite(ref IrInst inst, IrOp op)
    {
        inst.Op = op;
        inst.GuestOffset = (ushort)Offset;
        inst.Before = (ushort)Unit.GuestCount;
    }
}
