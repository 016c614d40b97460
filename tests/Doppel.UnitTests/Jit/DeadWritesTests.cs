using Doppel.Jit.Ir;
using Doppel.Jit.Passes;

namespace Doppel.UnitTests.Jit;

/// <summary>What the pass removes, and what it must keep because somebody may see it.</summary>
public sealed class DeadWritesTests
{
    [Fact]
    public void Remove_ResultOverwrittenUnread_BecomesNothing()
    {
        IrUnit unit = Unit();
        AddConstant(unit, dst: 5, 1);
        AddConstant(unit, dst: 5, 2);
        unit.Add(IrOp.Jump);
        DeadWrites.Remove(unit);
        Assert.Equal([IrOp.Nop, IrOp.Mov, IrOp.Jump], Operations(unit));
    }

    [Fact]
    public void Remove_ResultReadBeforeOverwritten_Stays()
    {
        IrUnit unit = Unit();
        AddConstant(unit, dst: 5, 1);
        unit.Add(IrOp.Add) = new IrInst { Op = IrOp.Add, Dst = 5, A = 5, B = IrInst.None, C = IrInst.None, Imm = 3 };
        unit.Add(IrOp.Jump);
        DeadWrites.Remove(unit);
        Assert.Equal([IrOp.Mov, IrOp.Add, IrOp.Jump], Operations(unit));
    }

    [Theory]
    [InlineData((int)IrOp.Load)]
    [InlineData((int)IrOp.Branch)]
    [InlineData((int)IrOp.FloatGuard)]
    public void Remove_OperationThatMayLeaveBetween_KeepsTheFirstWrite(int between)
    {
        IrUnit unit = Unit();
        AddConstant(unit, dst: 5, 1);
        unit.Add((IrOp)between);
        AddConstant(unit, dst: 5, 2);
        unit.Add(IrOp.Jump);
        DeadWrites.Remove(unit);
        Assert.Equal([IrOp.Mov, (IrOp)between, IrOp.Mov, IrOp.Jump], Operations(unit));
    }

    private static IrUnit Unit()
    {
        IrUnit unit = new();
        unit.Begin(0, 0);
        return unit;
    }

    private static void AddConstant(IrUnit unit, short dst, long value)
    {
        ref IrInst inst = ref unit.Add(IrOp.Mov);
        inst.Dst = dst;
        inst.Imm = value;
    }

    private static IrOp[] Operations(IrUnit unit)
    {
        List<IrOp> operations = [];
        foreach (IrInst inst in unit.Insts) operations.Add(inst.Op);
        return [.. operations];
    }
}
