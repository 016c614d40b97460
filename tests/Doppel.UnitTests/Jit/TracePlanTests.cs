using Doppel.RiscV.Translate;

namespace Doppel.UnitTests.Jit;

/// <summary>Where a straight line of a region ends.</summary>
public sealed class TracePlanTests
{
    [Fact]
    public void TryPass_SameInstructionTwice_EndsTheLine()
    {
        TracePlan plan = new();
        plan.BeginLine(0);
        Assert.Equal((true, true, false), (plan.TryPass(16, 0), plan.TryPass(20, 1), plan.TryPass(16, 2)));
    }

    [Fact]
    public void TryPass_BeginningOfAnotherLine_EndsTheLine()
    {
        TracePlan plan = new();
        plan.AddLeader(16);
        plan.AddLeader(32);
        plan.BeginLine(0);
        Assert.Equal((true, false), (plan.TryPass(16, 0), plan.TryPass(32, 1)));
    }

    [Fact]
    public void TryPass_BehindABranchBackToALine_EndsTheLine()
    {
        TracePlan plan = new();
        plan.AddLeader(16);
        plan.BeginLine(0);
        plan.TryPass(16, 0);
        plan.NoteBranch(20, 16);
        Assert.False(plan.TryPass(24, 2));
    }

    [Fact]
    public void BeginLine_AfterAnother_ForgetsWhatThatWentThrough()
    {
        TracePlan plan = new();
        plan.BeginLine(0);
        plan.TryPass(40, 0);
        plan.BeginLine(0);
        Assert.True(plan.TryPass(40, 0));
    }

    [Fact]
    public void TryReturn_AfterCalls_LeadsBackInReverseOrder()
    {
        TracePlan plan = new();
        plan.BeginLine(0);
        plan.Calls(100);
        plan.Calls(200);
        Assert.Equal((true, true, false), (plan.TryReturn(out int inner), plan.TryReturn(out int outer), plan.TryReturn(out _)));
        Assert.Equal((200, 100), (inner, outer));
    }

    [Fact]
    public void TryReturn_OnALineThatBeginsInsideACall_LeadsBack()
    {
        TracePlan plan = new();
        plan.BeginLine(0);
        plan.Calls(100);
        plan.NoteBranch(20, 40);
        plan.BeginLine(40);
        Assert.True(plan.TryReturn(out int back));
        Assert.Equal(100, back);
    }

    [Fact]
    public void TryReturn_WhereNoneIsExpected_IsFalse()
    {
        TracePlan plan = new() { ExpectsReturns = false };
        plan.BeginLine(0);
        plan.Calls(100);
        Assert.False(plan.TryReturn(out _));
    }
}
