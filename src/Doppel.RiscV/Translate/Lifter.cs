using System.Buffers.Binary;
using Doppel.Jit.CodeCache;
using Doppel.Jit.Ir;
using Doppel.RiscV.Decode;

namespace Doppel.RiscV.Translate;

/// <summary>
/// Lifts guest code to the compiler's operations, from an entry along the straight line: through branches that are not taken and forward
/// jumps, up to the end of the page. What it does not lift becomes an exit to the interpreter, so semantics beyond the common case stand
/// once. One thread at a time.
/// </summary>
internal sealed class Lifter
{
    /// <summary>Guest instructions of the longest straight line, of any quality.</summary>
    internal const int MaxInstructions = 192;

    // A quick translation is made of code that may run only once: longer ones take in more that never runs.
    private const int MaxQuickInstructions = 32;

    private const int PageSize = 4096;
    private readonly UnitBuilder _builder;
    private readonly IrUnit _unit = new();
    private readonly FloatLifter _float;
    private readonly SystemLifter _system;
    private readonly bool _shared;
    private readonly JitOptions _options;
    private (ushort Half, ulong Page) _next;
    private TracePlan? _plan;
    private CodePage? _others;
    private int _follow;
    private bool _lineEnds;

    /// <param name="shared">True if other harts or devices run at the same time, so that fences matter.</param>
    /// <param name="options">What is switched off.</param>
    internal Lifter(bool shared, JitOptions options)
    {
        _shared = shared;
        _options = options;
        _builder = new UnitBuilder { Folds = options.Has(JitFeatures.ConstantFolding) };
        _float = new FloatLifter(_builder);
        _system = new SystemLifter(_builder);
    }

    /// <summary>Lifts the unit that starts at an offset of a page. The result is valid until the next call.</summary>
    /// <param name="page">The page's bytes.</param>
    /// <param name="offset">Entry.</param>
    /// <param name="mode">Mode that the unit runs in.</param>
    /// <param name="next">First half-word and name of the page behind it in virtual addresses; zero names no page.</param>
    /// <param name="others">Translations that there are of the page: where one begins, this one ends. Null to go on.</param>
    /// <param name="limit">Most guest instructions.</param>
    internal IrUnit Lift(
        ReadOnlySpan<byte> page, int offset, int mode, (ushort Half, ulong Page) next, CodePage? others = null, int limit = MaxQuickInstructions)
    {
        _builder.Begin(_unit, offset, mode);
        _next = next;
        _plan = null;
        _others = others;
        LiftLine(page, offset, Math.Min(limit, MaxQuickInstructions));
        return _unit;
    }

    /// <summary>Lifts a straight line of a region, through calls and backward jumps as well.</summary>
    /// <param name="page">The page's bytes.</param>
    /// <param name="unit">Receives the operations; it has been given entry and mode by nobody yet.</param>
    /// <param name="at">Entry and mode.</param>
    /// <param name="next">As for a quick translation.</param>
    /// <param name="plan">Where the line must end, and what it has been through.</param>
    internal void LiftBlock(ReadOnlySpan<byte> page, IrUnit unit, (int Offset, int Mode) at, (ushort Half, ulong Page) next, TracePlan plan)
    {
        _builder.Begin(unit, at.Offset, at.Mode);
        _next = next;
        _plan = plan;
        _others = null;
        plan.BeginLine(at.Offset);
        LiftLine(page, at.Offset, plan.MaxInstructions);
    }

    private void LiftLine(ReadOnlySpan<byte> page, int offset, int limit)
    {
        _lineEnds = false;
        while (!_builder.IsClosed)
        {
            int count = _builder.Unit.GuestCount;
            if (_lineEnds || offset >= PageSize || count >= limit || _plan?.TryPass(offset, count) == false || (count > 0 && IsTranslated(offset)))
            {
                EndAt(offset);
                break;
            }
            offset = LiftOne(page, offset);
        }
        _options.Tamper?.Invoke(_builder.Unit);
    }

    // What follows a point that others jump to would otherwise be translated once more for each way to it.
    private bool IsTranslated(int offset) => _others is not null && _others.TryFindQuick(offset, out _);

    // Ends the unit in front of an instruction. That is a jump of no instruction, so the count takes the one back that a jump adds.
    private void EndAt(int offset)
    {
        _builder.BeginInstruction(offset, 0);
        ref IrInst jump = ref _builder.Close(IrOp.Jump);
        jump.Imm = offset;
        _plan?.NoteJump(offset);
    }

    private int LiftOne(ReadOnlySpan<byte> page, int offset)
    {
        uint word = BinaryPrimitives.ReadUInt16LittleEndian(page[offset..]);
        int length = (word & 3) == 3 ? 4 : 2;
        _builder.BeginInstruction(offset, length);
        if (offset + length > PageSize)
        {
            if (_next.Page == 0)
            {
                _builder.Close(IrOp.Interpret);
                return offset;
            }
            _builder.Add(IrOp.NextPageGuard).Imm = (long)_next.Page;
            word |= (uint)_next.Half << 16;
        }
        else
        {
            word = length == 4 ? BinaryPrimitives.ReadUInt32LittleEndian(page[offset..]) : CompressedExpander.Expand(word);
        }
        Operands o = new(word);
        if (o.Opcode == Operands.Jal) return LiftJal(o);
        _follow = offset + length;
        if (!TryLift(o)) _builder.Close(IrOp.Interpret);
        else _builder.EndInstruction();
        return _follow;
    }

    private bool TryLift(in Operands o)
    {
        switch (o.Opcode)
        {
            case Operands.Load: return LiftLoad(o);
            case Operands.Store: return LiftStore(o);
            case Operands.Branch: return LiftBranch(o);
            case Operands.Jalr: return LiftJalr(o);
            case Operands.Lui: _builder.Constant(o.Rd, o.ImmU); return true;
            case Operands.Auipc: _builder.CodeAddress(o.Rd, _builder.Offset + o.ImmU); return true;
            case Operands.OpImm: return IntegerLifter.LiftOpImm(_builder, o);
            case Operands.OpImm32: return IntegerLifter.LiftOpImm32(_builder, o);
            case Operands.Op: return IntegerLifter.LiftOp(_builder, o);
            case Operands.Op32: return IntegerLifter.LiftOp32(_builder, o);
            case Operands.MiscMem: return LiftFence(o);
            case Operands.Amo: return LiftAtomic(o);
            case Operands.System when _options.Has(JitFeatures.SystemRegisters) && _system.TryLift(o): return true;
            default: return _options.Has(JitFeatures.HostFloat) && _float.TryLift(o);
        }
    }

    private bool LiftLoad(in Operands o)
    {
        if (o.Funct3 == 7) return false;
        int size = 1 << (int)(o.Funct3 & 3);
        ref IrInst inst = ref _builder.AddAccess(IrOp.Load, o.Rs1, o.ImmI, size);
        inst.Signed = o.Funct3 < 4;
        inst.Dst = UnitBuilder.Destination(o.Rd);
        _builder.Forget(o.Rd);
        return true;
    }

    private bool LiftStore(in Operands o)
    {
        if (o.Funct3 > 3) return false;
        ref IrInst inst = ref _builder.AddAccess(IrOp.Store, o.Rs1, o.ImmS, 1 << (int)o.Funct3);
        inst.B = UnitBuilder.Source(o.Rs2);
        return true;
    }

    private bool LiftBranch(in Operands o)
    {
        if (o.Funct3 is 2 or 3) return false;
        ref IrInst inst = ref _builder.Add(IrOp.Branch);
        inst.Cond = o.Funct3 switch
        {
            0 => IrCond.Equal,
            1 => IrCond.NotEqual,
            4 => IrCond.Less,
            5 => IrCond.GreaterOrEqual,
            6 => IrCond.LessUnsigned,
            _ => IrCond.GreaterOrEqualUnsigned,
        };
        inst.A = UnitBuilder.Source(o.Rs1);
        if (_builder.TryConstant(o.Rs2, out long constant)) inst.Imm = constant;
        else inst.B = (short)o.Rs2;
        inst.Link = _builder.Offset + o.ImmB;
        _plan?.NoteBranch(_builder.Offset, inst.Link);
        _lineEnds = !_options.Has(JitFeatures.StraightLines);
        return true;
    }

    // A jump forward on the page goes on in the same unit.
    private int LiftJal(in Operands o)
    {
        int target = _builder.Offset + o.ImmJ;
        if (TryFollow(o.Rd, target)) _builder.EndInstruction();
        else CloseWithJump(o.Rd, target);
        return target;
    }

    // Writes the return address, too, if the line goes on at the target.
    private bool TryFollow(uint rd, int target)
    {
        if (!CanFollow(rd, target)) return false;
        int next = _builder.Offset + _builder.Length;
        _builder.CodeAddress(rd, next);
        if (IsLink(rd)) _plan?.Calls(next);
        return true;
    }

    // A region follows calls, too, so that the callee's return goes where it is known to go.
    private bool CanFollow(uint rd, int target)
    {
        if (target is < 0 or >= PageSize || !_options.Has(JitFeatures.StraightLines)) return false;
        return _plan is null ? IsForward(rd, target) : _plan.MayFollow(target) && (_options.Has(JitFeatures.Calls) || IsForward(rd, target));
    }

    private bool IsForward(uint rd, int target) => rd == 0 && target > _builder.Offset;

    private void CloseWithJump(uint rd, int target)
    {
        int next = _builder.Offset + _builder.Length;
        bool isCall = IsLink(rd) && _options.Has(JitFeatures.ReturnPrediction);
        if (!isCall) _builder.CodeAddress(rd, next);
        ref IrInst jump = ref _builder.Close(isCall ? IrOp.Call : IrOp.Jump);
        jump.Imm = target;
        jump.Before++;
        if (isCall) (jump.Dst, jump.Link) = ((short)rd, next);
        else _plan?.NoteJump(target);
    }

    // x1 and x5 hold return addresses (unprivileged manual, "Unconditional Jumps", the table of return-address stack prediction hints).
    private static bool IsLink(uint register) => register is 1 or 5;

    private bool LiftJalr(in Operands o)
    {
        if (o.Funct3 != 0) return false;
        int next = _builder.Offset + _builder.Length;
        if (_builder.IsCodeRelative(o.Rs1, out long offset) && offset + o.ImmI == (int)(offset + o.ImmI))
        {
            // AUIPC and JALR: the target is known after all.
            int target = (int)(offset + o.ImmI) & ~1;
            if (IsReturn(o)) _plan?.TryReturn(out _);
            if (_plan is not null && TryFollow(o.Rd, target)) _follow = target;
            else CloseWithJump(o.Rd, target);
            return true;
        }
        if (IsReturn(o) && o.Rd == 0 && o.ImmI == 0 && _plan is not null && _plan.TryReturn(out int back))
        {
            ref IrInst guard = ref _builder.Add(IrOp.ReturnGuard);
            guard.A = UnitBuilder.Source(o.Rs1);
            guard.Link = back;
            if (TryFollow(0, back)) _follow = back;
            else CloseWithJump(0, back);
            return true;
        }
        ref IrInst inst = ref _builder.Close(OpOf(o));
        inst.A = UnitBuilder.Source(o.Rs1);
        inst.Imm = o.ImmI;
        inst.Dst = UnitBuilder.Destination(o.Rd);
        inst.Link = next;
        return true;
    }

    private IrOp OpOf(in Operands o)
    {
        if (!_options.Has(JitFeatures.ReturnPrediction)) return IrOp.JumpIndirect;
        return IsLink(o.Rd) ? IrOp.CallIndirect : IsReturn(o) ? IrOp.Return : IrOp.JumpIndirect;
    }

    private static bool IsReturn(in Operands o) => IsLink(o.Rs1) && !IsLink(o.Rd);

    // FENCE: hosts keep all orders but that of a store before a load. FENCE.I and the cache-block operations are the interpreter's.
    private bool LiftFence(in Operands o)
    {
        if (o.Funct3 == 2 && o.ImmI == 4 && o.Rd == 0 && o.Rs1 != 0)
        {
            // CBO.ZERO.
            _builder.Add(IrOp.FlagGuard).Imm = JitContext.ZeroReadyOffset;
            _builder.AddAccess(IrOp.ZeroBlock, o.Rs1, 0, 64);
            return true;
        }
        if (o.Funct3 != 0 || o.Word == Operands.Pause) return false;
        bool storesBefore = (o.Word & (5 << 24)) != 0, loadsAfter = (o.Word & (10 << 20)) != 0;
        if (_shared && storesBefore && loadsAfter) _builder.Add(IrOp.Fence);
        return true;
    }

    private bool LiftAtomic(in Operands o)
    {
        if (o.Funct3 is not (2 or 3)) return false;
        IrOp op = (o.Word >> 27) switch
        {
            0 => IrOp.AtomicAdd,
            1 => IrOp.AtomicSwap,
            2 when o.Rs2 == 0 => IrOp.LoadReserved,
            3 => IrOp.StoreConditional,
            4 => IrOp.AtomicXor,
            8 => IrOp.AtomicOr,
            12 => IrOp.AtomicAnd,
            16 => IrOp.AtomicMin,
            20 => IrOp.AtomicMax,
            24 => IrOp.AtomicMinUnsigned,
            28 => IrOp.AtomicMaxUnsigned,
            _ => IrOp.Nop,
        };
        if (op == IrOp.Nop || !_options.Has(JitFeatures.Atomics)) return false;
        // These take the physical address from the TLB's entry.
        if (op is IrOp.LoadReserved or IrOp.StoreConditional && !_options.Has(JitFeatures.InlineTlb)) return false;
        ref IrInst inst = ref _builder.AddAccess(op, o.Rs1, 0, 1 << (int)o.Funct3);
        inst.B = UnitBuilder.Source(o.Rs2);
        inst.Dst = UnitBuilder.Destination(o.Rd);
        _builder.Forget(o.Rd);
        return true;
    }
}
