using Doppel.Core.Time;

namespace Doppel.UnitTests.Core;

public sealed class RealTimeTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Fact]
    public void Timer_DeadlineReached_FiresNotBefore()
    {
        using RealTime time = new();
        using ManualResetEventSlim done = new();
        long firedAt = 0;
        MachineTimer timer = time.CreateTimer(() =>
        {
            firedAt = time.NowNs;
            done.Set();
        });
        time.Resume();
        timer.Arm(5_000_000);

        Assert.True(done.Wait(s_patience));
        Assert.True(firedAt >= 5_000_000);
    }

    [Fact]
    public void Timer_RearmedAndDisarmed_FiresOnlyAsLastSet()
    {
        using RealTime time = new();
        using ManualResetEventSlim done = new();
        List<string> fired = [];
        MachineTimer moved = time.CreateTimer(() => fired.Add("moved"));
        MachineTimer cancelled = time.CreateTimer(() => fired.Add("cancelled"));
        moved.Arm(1_000_000);
        moved.Arm(2_000_000);
        cancelled.Arm(1_000_000);
        cancelled.Disarm();
        time.CreateTimer(done.Set).Arm(3_000_000);

        time.Resume();

        Assert.True(done.Wait(s_patience));
        Assert.Equal(["moved"], fired);
    }

    [Fact]
    public void NowNs_WhilePaused_StandsStill()
    {
        using RealTime time = new();
        Assert.Equal(0, time.NowNs);
        time.Resume();
        time.Pause();
        long before = time.NowNs;
        Thread.Sleep(5);
        Assert.Equal(before, time.NowNs);
    }

    [Fact]
    public async Task Pause_WhileACallbackRuns_WaitsForItsEnd()
    {
        using RealTime time = new();
        using ManualResetEventSlim begun = new(), mayEnd = new();
        time.Resume();
        int ended = 0;
        time.Post(() =>
        {
            begun.Set();
            mayEnd.Wait();
            ended++;
        });
        time.Post(() => ended++);
        Assert.True(begun.Wait(s_patience));
        Task pause = Task.Run(time.Pause);
        Task first = await Task.WhenAny(pause, Task.Delay(50));
        mayEnd.Set();
        Assert.NotSame(pause, first);
        await pause.WaitAsync(s_patience);
        Assert.Equal(1, ended);
        time.Resume();
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref ended) == 2, s_patience));
    }

    [Fact]
    public void Post_FromManyThreads_RunsEachOnceOnOneThread()
    {
        using RealTime time = new();
        time.Resume();
        HashSet<int> threads = [];
        int count = 0;
        using CountdownEvent done = new(400);
        Parallel.For(0, 400, _ => time.Post(() =>
        {
            threads.Add(Environment.CurrentManagedThreadId);
            count++;
            done.Signal();
        }));

        Assert.True(done.Wait(s_patience));
        Assert.Equal(400, count);
        Assert.Single(threads);
    }
}
