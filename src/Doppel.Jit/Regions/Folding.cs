using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;

namespace Doppel.Jit.Regions;

/// <summary>Says which operations may wait until somebody needs their result, and lets operations take over what their operands wait for.</summary>
internal static class Folding
{
    /// <summary>True for a cheap operation on integers that does not need its own old value.</summary>
    internal static bool CanDefer(SlotMap map, in IrInst inst)
    {
        if (inst.Dst < 0 || map.IsFloat(inst.Dst) || inst.Dst == inst.A || inst.B >= 0) return false;
        return inst.Op switch
        {
            IrOp.Mov or IrOp.CodeAddress or IrOp.Shl or IrOp.ZeroExtendShl => true,
            IrOp.Add => !inst.Word && inst.A >= 0,
            IrOp.Shr => inst.A >= 0,
            IrOp.Xor => inst.Imm == -1 && inst.A >= 0,
            _ => false,
        };
    }

    /// <summary>Rewrites an operation so that it needs less of what is deferred.</summary>
    internal static void Fold(SlotMap map, ref IrInst inst)
    {
        if (map.Deferred == 0) return;
        inst.A = Original(map, inst.A);
        inst.B = Original(map, inst.B);
        switch (inst.Op)
        {
            case IrOp.Load or IrOp.Store or IrOp.LoadFloat or IrOp.StoreFloat:
                FoldAddress(map, ref inst);
                break;
            case IrOp.Add when !inst.Word && inst.B >= 0:
                if (!TryFoldRotate(map, ref inst)) FoldScaled(map, ref inst);
                break;
            case IrOp.Or or IrOp.Xor when inst.B >= 0:
                if (!TryFoldRotate(map, ref inst)) FoldConstant(map, ref inst);
                break;
            case IrOp.And when inst.B >= 0:
                FoldNot(map, ref inst);
                FoldConstant(map, ref inst);
                break;
            case IrOp.Add or IrOp.Sub or IrOp.Shl or IrOp.Shr or IrOp.Sar or IrOp.Mul or IrOp.SetLess or IrOp.SetLessUnsigned or IrOp.Branch:
                FoldConstant(map, ref inst);
                break;
        }
    }

    // The slot of which this one is only a copy.
    private static short Original(SlotMap map, short slot)
    {
        if (!map.Is(map.Deferred, slot)) return slot;
        ref IrInst e = ref map.ExpressionOf(slot);
        return e.Op == IrOp.Mov && e.A >= 0 ? e.A : slot;
    }

    private static void FoldAddress(SlotMap map, ref IrInst inst)
    {
        if (!map.Is(map.Deferred, inst.A)) return;
        ref IrInst e = ref map.ExpressionOf(inst.A);
        long offset = e.Imm + inst.Imm;
        if (offset != (int)offset) return;
        bool isConstant = e.Op == IrOp.Mov && e.A < 0;
        if (!isConstant && e.Op != IrOp.Add) return;
        inst.A = e.A;
        inst.Imm = offset;
    }

    private static void FoldConstant(SlotMap map, ref IrInst inst)
    {
        if (!map.Is(map.Deferred, inst.B)) return;
        ref IrInst e = ref map.ExpressionOf(inst.B);
        if (e.Op != IrOp.Mov || e.A >= 0) return;
        inst.B = IrInst.None;
        inst.Imm = e.Imm;
    }

    // x + (y << k).
    private static void FoldScaled(SlotMap map, ref IrInst inst)
    {
        if (!IsScaled(map, inst.A) && IsScaled(map, inst.B)) (inst.A, inst.B) = (inst.B, inst.A);
        if (!IsScaled(map, inst.A))
        {
            FoldConstant(map, ref inst);
            return;
        }
        ref IrInst e = ref map.ExpressionOf(inst.A);
        inst.Op = IrOp.ShlAdd;
        inst.Word = e.Op == IrOp.ZeroExtendShl;
        inst.A = e.A;
        inst.Imm = e.Imm;
    }

    private static bool IsScaled(SlotMap map, short slot)
    {
        if (!map.Is(map.Deferred, slot)) return false;
        ref IrInst e = ref map.ExpressionOf(slot);
        return e.A >= 0 && ((e.Op == IrOp.Shl && !e.Word && e.Imm is >= 1 and <= 3) || (e.Op == IrOp.ZeroExtendShl && e.Imm is >= 0 and <= 3));
    }

    // x & ~y.
    private static void FoldNot(SlotMap map, ref IrInst inst)
    {
        if (!IsNot(map, inst.B) && IsNot(map, inst.A)) (inst.A, inst.B) = (inst.B, inst.A);
        if (!IsNot(map, inst.B)) return;
        inst.Op = IrOp.AndNot;
        inst.B = map.ExpressionOf(inst.B).A;
    }

    private static bool IsNot(SlotMap map, short slot) => map.Is(map.Deferred, slot) && map.ExpressionOf(slot).Op == IrOp.Xor;

    // x >> n and x << (width - n), put together by or, xor or add.
    private static bool TryFoldRotate(SlotMap map, ref IrInst inst)
    {
        if (!map.Is(map.Deferred, inst.A) || !map.Is(map.Deferred, inst.B)) return false;
        ref IrInst a = ref map.ExpressionOf(inst.A);
        ref IrInst b = ref map.ExpressionOf(inst.B);
        bool order = a.Op == IrOp.Shr;
        ref IrInst right = ref order ? ref a : ref b;
        ref IrInst left = ref order ? ref b : ref a;
        long width = right.Word ? 32 : 64;
        if (right.Op != IrOp.Shr || left.Op != IrOp.Shl || right.Word != left.Word || right.A != left.A || right.A < 0) return false;
        if (right.Imm <= 0 || right.Imm >= width || left.Imm != width - right.Imm) return false;
        inst.Op = IrOp.Ror;
        inst.Word = right.Word;
        inst.A = right.A;
        inst.B = IrInst.None;
        inst.Imm = right.Imm;
        return true;
    }
}
