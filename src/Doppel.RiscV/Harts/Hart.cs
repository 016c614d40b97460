using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Doppel.Core.Execution;
using Doppel.Core.Time;
using Doppel.RiscV.Context;
using Doppel.RiscV.Mmu;

namespace Doppel.RiscV.Harts;

/// <summary>
/// Everything of a hart that does not depend on how instructions are executed: state, memory, traps, interrupts, timer.
/// Thread contract: the hart's own thread, except where a member says otherwise.
/// </summary>
internal sealed unsafe class Hart : IDisposable
{
    private readonly GCHandle _self;
    private readonly MachineTimer _supervisorTimer;
    private readonly Lock _timerGate = new();
    private readonly FenceInbox _fences = new();
    private bool _stopped = true;
    private bool _inGuest;
    private bool _disposed;
    private ulong _seenArmings;

    /// <param name="index">Number of the hart.</param>
    /// <param name="platform">What it is connected to.</param>
    /// <param name="contextBytes">Size of the context with what the engine keeps behind it, cleared.</param>
    internal Hart(int index, RiscVPlatform platform, int contextBytes)
    {
        Platform = platform;
        Context = (HartContext*)NativeMemory.AlignedAlloc((nuint)contextBytes, 64);
        NativeMemory.Clear(Context, (nuint)contextBytes);
        _self = GCHandle.Alloc(this);
        Context->Owner = GCHandle.ToIntPtr(_self);
        Context->State.Mhartid = (ulong)index;
        ResetState(ref Context->State);
        Mmu = new HartMmu(Context, platform.Memory, platform.Bus);
        Traps = new TrapUnit(this);
        _supervisorTimer = platform.Time.CreateTimer(UpdateSupervisorTimer);
        platform.Counter.Changed += UpdateSupervisorTimer;
    }

    internal HartContext* Context { get; }

    internal RiscVPlatform Platform { get; }

    internal HartMmu Mmu { get; }

    internal TrapUnit Traps { get; }

    internal VcpuSignal Signal { get; } = new();

    /// <summary>True while HSM keeps the hart stopped. Any thread.</summary>
    internal bool IsStopped
    {
        get => Volatile.Read(ref _stopped);
        set => Volatile.Write(ref _stopped, value);
    }

    /// <summary>
    /// True while guest instructions may run. A fence asked of a hart that is outside the guest is as good as done: the run loop looks at
    /// <see cref="HartContext.Attention"/> before the next instruction. Any thread.
    /// </summary>
    internal bool InGuest
    {
        get => Volatile.Read(ref _inGuest);
        set => Interlocked.Exchange(ref _inGuest, value);
    }

    /// <summary>Set by FENCE.I and remote fences: the engine drops stale code before the next instruction.</summary>
    internal bool InstructionFence { get; set; }

    /// <summary>Set by PAUSE: the run loop lets others run.</summary>
    internal bool Yields { get; set; }

    /// <summary>The interpreter of this hart, which finds itself here from inside an instruction's body.</summary>
    internal object? Interpreter { get; set; }

    /// <summary>The engine's object for this hart, which finds itself here from inside generated code.</summary>
    internal object? Engine { get; set; }

    /// <summary>The harts of the machine; set before it runs.</summary>
    internal HartGroup Group { get; set; } = new();

    /// <summary>Number of the last arming of <see cref="Group"/> from which on stores of this hart report. Any thread.</summary>
    internal ulong SeenArmings
    {
        get => Volatile.Read(ref _seenArmings);
        set => Volatile.Write(ref _seenArmings, value);
    }

    /// <summary>A page was armed: no TLB may keep letting stores to it pass unseen. Other harts follow when they next look around.</summary>
    /// <returns>Number of the arming.</returns>
    internal ulong StoresMustReport(ulong gpa)
    {
        Mmu.ForbidStores(gpa);
        return Group.Report(this, gpa);
    }

    /// <summary>Times that WFI slept.</summary>
    internal ulong Waits { get; set; }

    /// <summary>The hart that a context belongs to.</summary>
    internal static Hart Of(HartContext* context) => Unsafe.As<Hart>(GCHandle.FromIntPtr(context->Owner).Target!);

    /// <summary>Interrupts that are pending now, as mip shows them.</summary>
    internal ulong PendingInterrupts
    {
        get
        {
            ulong wires = (uint)Volatile.Read(ref Context->Wires);
            ulong written = Volatile.Read(ref Context->State.Mip);
            // With Sstc, STIP shows the comparison with stimecmp and cannot be written (Sstc, "Supervisor Timer Register").
            if ((Context->State.Menvcfg & Envcfg.Stce) != 0) written &= ~InterruptBit.Sti;
            else wires &= ~InterruptBit.Sti;
            return wires | written;
        }
    }

    /// <summary>Drives a wire of mip. Any thread.</summary>
    internal void SetInterrupt(int bit, bool level)
    {
        // SSIP has no wire: who raises it sets the writable bit, which the guest clears.
        if (bit == InterruptBit.SupervisorSoftware)
        {
            if (level) Interlocked.Or(ref Context->State.Mip, InterruptBit.Ssi);
            else Interlocked.And(ref Context->State.Mip, ~InterruptBit.Ssi);
        }
        else if (level)
        {
            Interlocked.Or(ref Context->Wires, 1 << bit);
        }
        else
        {
            Interlocked.And(ref Context->Wires, ~(1 << bit));
        }
        if (level) Request(Attention.Interrupt);
    }

    /// <summary>Makes the hart look around soon. Any thread.</summary>
    internal void Request(Attention reason)
    {
        Interlocked.Or(ref Context->Attention, (int)reason);
        Signal.Raise();
    }

    /// <summary>Asks for a fence. No signal is raised: a hart that sleeps looks around before its next instruction anyway. Any thread.</summary>
    internal void RequestFence(in RemoteFence fence)
    {
        _fences.Add(fence);
        Interlocked.Or(ref Context->Attention, (int)Attention.Fence);
    }

    /// <summary>Waits until no instruction can run before the fences that were asked for. Any thread.</summary>
    internal void AwaitFences()
    {
        SpinWait spin = default;
        // Never by sleeping: the hart looks around within microseconds, unless its thread waits for a processor, which this one then leaves.
        while (InGuest && (Volatile.Read(ref Context->Attention) & (int)Attention.Fence) != 0) spin.SpinOnce(sleep1Threshold: -1);
    }

    /// <summary>Does the fences that others have asked for. The hart's own thread, between two instructions.</summary>
    internal void DoFences()
    {
        while (_fences.TryTake(out RemoteFence? fence))
        {
            if (fence.Value.IsInstruction) InstructionFence = true;
            else Mmu.Fence(fence.Value.Start, fence.Value.Size, fence.Value.AddressSpace);
        }
    }

    /// <summary>Sets the privilege mode and what follows from it.</summary>
    internal void SetPrivilege(uint privilege)
    {
        Context->State.Privilege = privilege;
        Mmu.UpdateMode();
    }

    /// <summary>Works out everything that is derived from the state, after the state was replaced.</summary>
    internal void StateReplaced()
    {
        Mmu.Pmp.Update();
        Mmu.FlushAll();
        Mmu.EnterSpace();
        InstructionFence = true;
        UpdateSupervisorTimer();
    }

    /// <summary>Compares the time with stimecmp and arms the timer for the moment when they meet. Any thread.</summary>
    internal void UpdateSupervisorTimer()
    {
        // The event thread and the hart may come here at once: a verdict on the old deadline must not undo the arming of the new one.
        lock (_timerGate) UpdateSupervisorTimerLocked();
    }

    private void UpdateSupervisorTimerLocked()
    {
        SetInterrupt(InterruptBit.SupervisorTimer, Platform.Counter.HasReached(Volatile.Read(ref Context->State.Stimecmp), out long changeNs));
        if (changeNs < long.MaxValue) _supervisorTimer.Arm(changeNs);
        else _supervisorTimer.Disarm();
    }

    /// <summary>
    /// The state after reset (privileged manual, 3.4): M-mode, translation and protection off, pc zero until the board says otherwise.
    /// </summary>
    private static void ResetState(ref RiscVState state)
    {
        ulong hart = state.Mhartid;
        state = default;
        state.Mhartid = hart;
        state.Privilege = (uint)PrivilegeMode.Machine;
        state.Misa = MisaValue;
        state.Mstatus = Mstatus.Uxl | Mstatus.Sxl;
        state.Stimecmp = ulong.MaxValue;
        state.ReservationAddress = ulong.MaxValue;
    }

    /// <summary>RV64 with A, B, C, D, F, I, M, S and U.</summary>
    internal const ulong MisaValue = (2UL << 62) | (1 << 0) | (1 << 1) | (1 << 2) | (1 << 3) | (1 << 5) | (1 << 8) | (1 << 12) | (1 << 18) | (1 << 20);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        Platform.Counter.Changed -= UpdateSupervisorTimer;
        _supervisorTimer.Disarm();
        Mmu.Dispose();
        Signal.Dispose();
        _self.Free();
        NativeMemory.AlignedFree(Context);
    }
}
