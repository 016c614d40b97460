using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.Regions;
using static Doppel.UnitTests.Jit.SlotMapFixture;

namespace Doppel.UnitTests.Jit;

/// <summary>What operations take over from operands that wait.</summary>
public sealed class FoldingTests
{
    [Theory]
    [InlineData(true, 7, 25, true)]
    [InlineData(false, 7, 57, true)]
    [InlineData(true, 7, 24, false)]
    [InlineData(false, 7, 25, false)]
    public void Fold_TwoShiftsAndOr_IsARotationOnlyIfTheyMeet(bool word, long right, long left, bool expected)
    {
        SlotMap map = Create();
        Defer(map, Inst(IrOp.Shr, 5, 10, imm: right, word: word));
        Defer(map, Inst(IrOp.Shl, 6, 10, imm: left, word: word));
        IrInst or = Inst(IrOp.Or, 7, 5, 6);
        Folding.Fold(map, ref or);
        Assert.Equal(expected ? (IrOp.Ror, (short)10, right, word) : (IrOp.Or, (short)5, 0, false), (or.Op, or.A, or.Imm, or.Word));
    }

    [Fact]
    public void Fold_ShiftsOfDifferentSlots_StayAnOr()
    {
        SlotMap map = Create();
        Defer(map, Inst(IrOp.Shr, 5, 10, imm: 7));
        Defer(map, Inst(IrOp.Shl, 6, 11, imm: 57));
        IrInst or = Inst(IrOp.Or, 7, 5, 6);
        Folding.Fold(map, ref or);
        Assert.Equal(IrOp.Or, or.Op);
    }

    [Fact]
    public void Fold_LoadOffAnAddress_TakesTheOffsetOver()
    {
        SlotMap map = Create();
        Defer(map, Inst(IrOp.Add, 5, 10, imm: 40));
        IrInst load = Inst(IrOp.Load, 7, 5, imm: 8);
        Folding.Fold(map, ref load);
        Assert.Equal(((short)10, 48L), (load.A, load.Imm));
    }

    [Fact]
    public void Fold_OffsetBeyond32Bits_StaysWhereItIs()
    {
        SlotMap map = Create();
        Defer(map, Inst(IrOp.Add, 5, 10, imm: int.MaxValue));
        IrInst load = Inst(IrOp.Load, 7, 5, imm: 8);
        Folding.Fold(map, ref load);
        Assert.Equal(((short)5, 8L), (load.A, load.Imm));
    }

    [Fact]
    public void Fold_SumWithAShiftedSlot_IsOneOperation()
    {
        SlotMap map = Create();
        Defer(map, Inst(IrOp.Shl, 5, 10, imm: 3));
        IrInst add = Inst(IrOp.Add, 7, 11, 5);
        Folding.Fold(map, ref add);
        Assert.Equal((IrOp.ShlAdd, (short)10, (short)11, 3L), (add.Op, add.A, add.B, add.Imm));
    }

    [Fact]
    public void Fold_AndWithAComplement_IsOneOperation()
    {
        SlotMap map = Create();
        Defer(map, Inst(IrOp.Xor, 5, 10, imm: -1));
        IrInst and = Inst(IrOp.And, 7, 5, 11);
        Folding.Fold(map, ref and);
        Assert.Equal((IrOp.AndNot, (short)11, (short)10), (and.Op, and.A, and.B));
    }

    [Fact]
    public void Fold_Copy_ReadsTheOriginal()
    {
        SlotMap map = Create();
        Defer(map, Inst(IrOp.Mov, 5, 10));
        IrInst sub = Inst(IrOp.Sub, 7, 5, 5);
        Folding.Fold(map, ref sub);
        Assert.Equal(((short)10, (short)10), (sub.A, sub.B));
    }

    [Theory]
    [InlineData(nameof(IrOp.Add), 5, 5, false)]
    [InlineData(nameof(IrOp.Add), 5, 10, true)]
    [InlineData(nameof(IrOp.Sub), 5, 10, false)]
    [InlineData(nameof(IrOp.Load), 5, 10, false)]
    [InlineData(nameof(IrOp.Mov), 40, 10, false)]
    public void CanDefer_Operation_OnlyIfCheapAndWithoutItsOwnOldValue(string op, short dst, short a, bool expected) =>
        Assert.Equal(expected, Folding.CanDefer(Create(), Inst(Enum.Parse<IrOp>(op), dst, a, imm: 4)));
}
