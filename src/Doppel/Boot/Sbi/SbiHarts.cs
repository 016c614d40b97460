using Doppel.RiscV;
using Doppel.RiscV.Engines;

namespace Doppel.Boot.Sbi;

/// <summary>
/// The harts as the firmware sees them: masks of harts, and the hart state machine (SBI 2.0, chapters 7 to 9).
/// Thread contract: any vCPU thread.
/// </summary>
internal sealed class SbiHarts(IReadOnlyList<IRiscVVcpu> vcpus, RiscVState reset)
{
    private const ulong Started = 0, Stopped = 1, StartPending = 2, StopPending = 3;
    private const int SupervisorSoftwareInterrupt = 1;

    private readonly int[] _state = [.. Enumerable.Repeat((int)Stopped, vcpus.Count)];

    /// <summary>Mask of the first 64 harts that exist.</summary>
    public ulong All => vcpus.Count >= 64 ? ulong.MaxValue : (1UL << vcpus.Count) - 1;

    /// <summary>Starts a hart in S-mode.</summary>
    public SbiError Start(ulong hart, ulong address, ulong opaque)
    {
        if (hart >= (ulong)vcpus.Count) return SbiError.InvalidParameter;
        ref int state = ref _state[hart];
        // A hart that is about to stop has not stopped yet: whoever waits for it asks for its status first.
        if (Volatile.Read(ref state) == (int)Stopped && !vcpus[(int)hart].IsStopped) return SbiError.AlreadyAvailable;
        if (Interlocked.CompareExchange(ref state, (int)StartPending, (int)Stopped) != (int)Stopped) return SbiError.AlreadyAvailable;
        vcpus[(int)hart].Start(SupervisorEntry.Create(reset, hart, address, opaque));
        // By now it may run, and may even have stopped itself.
        Interlocked.CompareExchange(ref state, (int)Started, (int)StartPending);
        return SbiError.Success;
    }

    /// <summary>Marks the calling hart as stopped; it stops when the call returns.</summary>
    public void Stop(int hart) => Volatile.Write(ref _state[hart], (int)Stopped);

    /// <summary>State of a hart (SBI 2.0, table 9).</summary>
    public SbiResult Status(ulong hart)
    {
        if (hart >= (ulong)vcpus.Count) return SbiError.InvalidParameter;
        ulong state = (ulong)Volatile.Read(ref _state[hart]);
        return SbiResult.Ok(state == Stopped && !vcpus[(int)hart].IsStopped ? StopPending : state);
    }

    /// <summary>Raises the supervisor software interrupt of the harts of a mask.</summary>
    public SbiError Interrupt(ulong mask, ulong first) =>
        ForEach(mask, first, static vcpu => vcpu.SetInterrupt(SupervisorSoftwareInterrupt, true));

    /// <summary>Fences instruction fetches or translations of the harts of a mask; returns when it is so on all of them.</summary>
    public SbiError Fence(ulong mask, ulong first, RemoteFence fence)
    {
        // All are asked before one is waited for.
        SbiError asked = ForEach(mask, first, vcpu => vcpu.RequestFence(fence));
        return asked == SbiError.Success ? ForEach(mask, first, static vcpu => vcpu.AwaitFences()) : asked;
    }

    // A first hart of all ones stands for every hart (SBI 2.0, 3.1).
    private SbiError ForEach(ulong mask, ulong first, Action<IRiscVVcpu> action)
    {
        ulong count = (ulong)vcpus.Count;
        if (first == ulong.MaxValue)
        {
            foreach (IRiscVVcpu vcpu in vcpus) action(vcpu);
            return SbiError.Success;
        }
        if (first >= count) return SbiError.InvalidParameter;
        if (count - first < 64 && mask >> (int)(count - first) != 0) return SbiError.InvalidParameter;
        for (int bit = 0; mask != 0; bit++, mask >>= 1)
        {
            if ((mask & 1) != 0) action(vcpus[(int)first + bit]);
        }
        return SbiError.Success;
    }
}
