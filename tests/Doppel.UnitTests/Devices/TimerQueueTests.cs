using Doppel.Core.Time;

namespace Doppel.UnitTests.Devices;

public sealed class TimerQueueTests
{
    [Fact]
    public void Timers_ArmedAtRandomAndSomeTakenBack_FireInOrderOfDeadlineThenArming()
    {
        Random random = new(3);
        TimerQueue queue = new();
        List<int> fired = [];
        MachineTimer[] timers = [.. Enumerable.Range(0, 200).Select(i => queue.Create(() => fired.Add(i)))];
        List<(long Deadline, int Timer)> armed = [];
        for (int step = 0; step < 5_000; step++)
        {
            int timer = random.Next(timers.Length);
            int removed = armed.RemoveAll(a => a.Timer == timer);
            timers[timer].Disarm();
            long deadline = random.Next(100);
            armed.Add((deadline, timer));
            timers[timer].Arm(deadline + removed);
            armed[^1] = (deadline + removed, timer);
        }
        while (queue.TakeDue(long.MaxValue) is { } callback) callback();
        Assert.Equal(armed.OrderBy(a => a.Deadline).Select(a => a.Timer), fired);
        Assert.Equal(long.MaxValue, queue.NextDeadline);
    }

    [Fact]
    public void Arm_LaterThanAnother_DoesNotWakeAnybody()
    {
        int changes = 0;
        TimerQueue queue = new() { Changed = () => changes++ };
        queue.Create(() => { }).Arm(5);
        queue.Create(() => { }).Arm(6);
        Assert.Equal(1, changes);
        Assert.Equal(5, queue.NextDeadline);
    }
}
