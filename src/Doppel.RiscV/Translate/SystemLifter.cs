using Doppel.Jit.Ir;

namespace Doppel.RiscV.Translate;

/// <summary>
/// Lifts access to CSRs that are fields of the state and no more, and to sstatus. A unit knows its mode, so whether they may be accessed is
/// known when it is made; what depends on other state is the interpreter's. False means that the interpreter must do it.
/// </summary>
internal sealed class SystemLifter(UnitBuilder builder)
{
    private const uint Sstatus = 0x100;

    // Fields that may be read, and those that may be written, with how many of their lowest bits are always zero.
    private static readonly (uint Number, int Offset, bool Writes, byte ZeroBits)[] s_fields = Build();

    internal bool TryLift(in Operands o)
    {
        if (o.Funct3 is 0 or 4) return false;
        uint number = o.Word >> 20;
        int mode = builder.Unit.Mode;
        // Bits 9 and 8 of the number are the lowest privilege (privileged manual, 2.1); 3 is M-mode, whose units have mode 2.
        if (mode < Math.Min((int)(number >> 8) & 3, 2)) return false;
        var change = (ControlChange)((o.Funct3 & 3) - 1);
        bool onlyReads = change != ControlChange.Write && o.Rs1 == 0;
        // In M-mode MPRV may say where data is.
        if (number == Sstatus) return mode == 1 && LiftStatus(o, change, onlyReads);
        foreach ((uint candidate, int offset, bool writes, byte zeroBits) in s_fields)
        {
            if (candidate != number) continue;
            if (onlyReads) return LiftRead(o.Rd, offset);
            return writes && change == ControlChange.Write && LiftWrite(o, offset, zeroBits);
        }
        return false;
    }

    private bool LiftRead(uint rd, int offset)
    {
        if (rd != 0) builder.AddWriting(IrOp.ContextRead, rd).Imm = offset;
        return true;
    }

    private bool LiftWrite(in Operands o, int offset, byte zeroBits)
    {
        ref IrInst inst = ref builder.AddWriting(IrOp.ContextWrite, o.Rd);
        inst.Imm = offset;
        inst.Size = zeroBits;
        if (o.Funct3 > 4) inst.Link = (int)o.Rs1;
        else inst.A = UnitBuilder.Source(o.Rs1);
        return true;
    }

    private bool LiftStatus(in Operands o, ControlChange change, bool onlyReads)
    {
        if (onlyReads)
        {
            if (o.Rd != 0) builder.AddWriting(IrOp.ControlRead, o.Rd);
            return true;
        }
        // Known before the destination is forgotten, which may be the same register.
        bool isImmediate = o.Funct3 > 4;
        bool isConstant = builder.TryConstant(isImmediate ? 0 : o.Rs1, out long constant);
        ref IrInst inst = ref builder.AddWriting(IrOp.ControlWrite, o.Rd);
        inst.Size = (byte)change;
        if (isImmediate) inst.Imm = o.Rs1;
        else if (isConstant) inst.Imm = constant;
        else inst.A = UnitBuilder.Source(o.Rs1);
        // FS may have changed.
        builder.FloatChecked = builder.FloatReadChecked = false;
        return true;
    }

    private static unsafe (uint Number, int Offset, bool Writes, byte ZeroBits)[] Build()
    {
        JitContext context;
        JitContext* c = &context;
        RiscVState* s = &c->Hart.State;
#pragma warning disable IDE0055 // One aligned row for each register.
        return
        [
            (0x105, Offset(&s->Stvec),      false, 0),
            (0x106, Offset(&s->Scounteren), false, 0),
            (0x140, Offset(&s->Sscratch),   true,  0),
            (0x141, Offset(&s->Sepc),       true,  1),
            (0x142, Offset(&s->Scause),     true,  0),
            (0x143, Offset(&s->Stval),      true,  0),
            (0x305, Offset(&s->Mtvec),      false, 0),
            (0x340, Offset(&s->Mscratch),   true,  0),
            (0x341, Offset(&s->Mepc),       true,  1),
            (0x342, Offset(&s->Mcause),     true,  0),
            (0x343, Offset(&s->Mtval),      true,  0),
            (0xF14, Offset(&s->Mhartid),    false, 0),
        ];
#pragma warning restore IDE0055
        int Offset(ulong* field) => JitContext.PlaceOf(c, field);
    }
}
