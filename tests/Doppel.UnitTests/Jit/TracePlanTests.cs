using Doppel.RiscV.Translate;

namespace Doppel.UnitTests.Jit;

/// <summary>Where a straight line of a region ends.</summary>
public sealed class TracePlanTests
{
    [Fact]
    public void TryPass_SameInstructionTwice_EndsTheLine()
    {
        TracePlan plan = new();
        plan.BeginLine();
        Assert.Equal((true, true, false), (plan.TryPass(16, 0), plan.TryPass(20, 1), plan.TryPass(16, 2)));
    }

    [Fact]
    public void TryPass_BeginningOfAnotherLine_EndsTheLine()
    {
        TracePlan plan = new();
        plan.AddLeader(16);
        plan.AddLeader(32);
        plan.BeginLine();
        Assert.Equal((true, false), (plan.TryPass(16, 0), plan.TryPass(32, 1)));
    }

    [Fact]
    public void TryPass_BehindABranchBackToALine_EndsTheLine()
    {
        TracePlan plan = new();
        plan.AddLeader(16);
        plan.BeginLine();
        plan.TryPass(16, 0);
        plan.NoteBranch(20, 16);
        Assert.False(plan.TryPass(24, 2));
    }

    [Fact]
    public void BeginLine_AfterAnother_ForgetsWhatThatWentThrough()
    {
        TracePlan plan = new();
        plan.BeginLine();
        plan.TryPass(40, 0);
        plan.BeginLine();
        Assert.True(plan.TryPass(40, 0));
    }
}
