using Doppel.Devices.Virtio;

namespace Doppel.UnitTests.Devices;

public sealed class DeviceWorkerTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Fact]
    public void Quiesce_WorkThatWasAskedFor_IsDone()
    {
        int asked = 0, done = 0;
        using DeviceWorker worker = new("test", () =>
        {
            int seen = Volatile.Read(ref asked);
            Thread.SpinWait(200);
            Volatile.Write(ref done, seen);
        });
        for (int i = 1; i <= 2000; i++)
        {
            Volatile.Write(ref asked, i);
            worker.Raise();
            if (i % 3 != 0) continue;
            worker.Quiesce();
            Assert.Equal(i, Volatile.Read(ref done));
        }
    }

    [Fact]
    public async Task Quiesce_WhileItWorks_WaitsForTheEnd()
    {
        using ManualResetEventSlim mayEnd = new(false);
        int rounds = 0;
        using DeviceWorker worker = new("test", () =>
        {
            mayEnd.Wait();
            rounds++;
        });
        worker.Raise();
        Task quiet = Task.Run(worker.Quiesce);
        Task first = await Task.WhenAny(quiet, Task.Delay(50));
        mayEnd.Set();
        Assert.NotSame(quiet, first);
        await quiet.WaitAsync(s_patience);
        int before = rounds;
        await Task.Delay(20);
        Assert.InRange(before, 1, 2);
        Assert.Equal(before, rounds);
    }

    [Fact]
    public void Dispose_EndsTheThread()
    {
        int rounds = 0;
        DeviceWorker worker = new("test", () => rounds++);
        worker.Dispose();
        worker.Dispose();
        Assert.True(worker.IsStopping);
        Assert.Equal(0, rounds);
    }
}
