using Doppel.RiscV.Context;

namespace Doppel.RiscV.Harts;

/// <summary>Takes exceptions and interrupts and returns from them (privileged manual, 3.1.6 to 3.1.16, 4.1, 3.3.2).</summary>
internal sealed unsafe class TrapUnit(Hart hart)
{
    private const ulong InterruptFlag = 1UL << 63;

    // Priority among interrupts of one privilege (privileged manual, 3.1.9): external, software, timer; machine before supervisor.
    private static ReadOnlySpan<byte> Priority =>
    [
        InterruptBit.MachineExternal, InterruptBit.MachineSoftware, InterruptBit.MachineTimer,
        InterruptBit.SupervisorExternal, InterruptBit.SupervisorSoftware, InterruptBit.SupervisorTimer,
    ];

    /// <summary>Exceptions taken so far by cause.</summary>
    internal ulong[] Exceptions { get; } = new ulong[16];

    /// <summary>Interrupts taken so far by cause.</summary>
    internal ulong[] Interrupts { get; } = new ulong[16];

    /// <summary>Environment calls that firmware in the host served.</summary>
    internal ulong FirmwareCalls { get; private set; }

    /// <summary>Takes a synchronous exception. Returns null, so that a handler can end with it.</summary>
    internal DecodedInstruction* Raise(ulong pc, TrapCause cause, ulong value)
    {
        HartContext* c = hart.Context;
        Exceptions[(int)cause]++;
        // The instruction does not retire (privileged manual, 3.3.1), though it counts as begun.
        if ((c->State.Mcountinhibit & 4) == 0) c->State.MinstretOffset--;
        if (cause == TrapCause.EcallFromSupervisor && hart.Platform.Firmware is { } firmware
            && hart.Mmu.Journal is not { IsOpen: true } && (c->State.Medeleg & (1UL << (int)cause)) == 0)
        {
            c->State.Pc = pc;
            CallFirmware(firmware);
            return null;
        }
        bool toSupervisor = c->State.Privilege != (uint)PrivilegeMode.Machine && ((c->State.Medeleg >> (int)cause) & 1) != 0;
        Enter(pc, (ulong)cause, value, toSupervisor);
        return null;
    }

    /// <summary>Takes the exception that a memory access left in the context.</summary>
    internal DecodedInstruction* RaiseFault(ulong pc) => Raise(pc, (TrapCause)hart.Context->FaultCause, hart.Context->FaultValue);

    /// <summary>Takes the most important interrupt that is pending and enabled, if there is one. Call between instructions, with pc in the state.</summary>
    internal bool TryTakeInterrupt()
    {
        HartContext* c = hart.Context;
        ulong pending = hart.PendingInterrupts & c->State.Mie;
        if (pending == 0) return false;
        uint privilege = c->State.Privilege;
        ulong machine = pending & ~c->State.Mideleg;
        bool machineEnabled = privilege < (uint)PrivilegeMode.Machine || (c->State.Mstatus & Mstatus.Mie) != 0;
        if (machine != 0 && machineEnabled) return Take(machine, toSupervisor: false);
        ulong supervisor = pending & c->State.Mideleg;
        bool supervisorEnabled = privilege < (uint)PrivilegeMode.Supervisor
            || (privilege == (uint)PrivilegeMode.Supervisor && (c->State.Mstatus & Mstatus.Sie) != 0);
        return supervisor != 0 && supervisorEnabled && Take(supervisor, toSupervisor: true);
    }

    /// <summary>MRET.</summary>
    internal void ReturnFromMachine()
    {
        ref RiscVState s = ref hart.Context->State;
        uint target = (uint)((s.Mstatus & Mstatus.Mpp) >> Mstatus.MppShift);
        ulong status = s.Mstatus & ~(Mstatus.Mie | Mstatus.Mpp);
        if ((status & Mstatus.Mpie) != 0) status |= Mstatus.Mie;
        status |= Mstatus.Mpie;
        if (target != (uint)PrivilegeMode.Machine) status &= ~Mstatus.Mprv;
        s.Mstatus = status;
        s.Pc = s.Mepc;
        hart.SetPrivilege(target);
    }

    /// <summary>SRET.</summary>
    internal void ReturnFromSupervisor()
    {
        ref RiscVState s = ref hart.Context->State;
        uint target = (s.Mstatus & Mstatus.Spp) != 0 ? (uint)PrivilegeMode.Supervisor : (uint)PrivilegeMode.User;
        ulong status = s.Mstatus & ~(Mstatus.Sie | Mstatus.Spp | Mstatus.Mprv);
        if ((status & Mstatus.Spie) != 0) status |= Mstatus.Sie;
        s.Mstatus = status | Mstatus.Spie;
        s.Pc = s.Sepc;
        hart.SetPrivilege(target);
    }

    private bool Take(ulong pending, bool toSupervisor)
    {
        foreach (byte bit in Priority)
        {
            if ((pending & (1UL << bit)) == 0) continue;
            Interrupts[bit]++;
            Enter(hart.Context->State.Pc, InterruptFlag | bit, 0, toSupervisor);
            return true;
        }
        return false;
    }

    private void Enter(ulong pc, ulong cause, ulong value, bool toSupervisor)
    {
        ref RiscVState s = ref hart.Context->State;
        ulong status = s.Mstatus;
        ulong vector;
        if (toSupervisor)
        {
            s.Scause = cause;
            s.Sepc = pc;
            s.Stval = value;
            vector = s.Stvec;
            status = Move(status, Mstatus.Sie, Mstatus.Spie) & ~Mstatus.Spp;
            if (s.Privilege != (uint)PrivilegeMode.User) status |= Mstatus.Spp;
        }
        else
        {
            s.Mcause = cause;
            s.Mepc = pc;
            s.Mtval = value;
            vector = s.Mtvec;
            status = (Move(status, Mstatus.Mie, Mstatus.Mpie) & ~Mstatus.Mpp) | ((ulong)s.Privilege << Mstatus.MppShift);
        }
        s.Mstatus = status;
        // Vectored mode spreads interrupts only (privileged manual, 3.1.7).
        bool vectored = (vector & 1) != 0 && (cause & InterruptFlag) != 0;
        s.Pc = (vector & ~3UL) + (vectored ? (cause & ~InterruptFlag) * 4 : 0);
        hart.SetPrivilege(toSupervisor ? (uint)PrivilegeMode.Supervisor : (uint)PrivilegeMode.Machine);
    }

    // The enable bit goes to the previous-enable bit and is cleared.
    private static ulong Move(ulong status, ulong enable, ulong previous)
    {
        status &= ~previous;
        if ((status & enable) != 0) status |= previous;
        return status & ~enable;
    }

    private void CallFirmware(IRiscVFirmware firmware)
    {
        HartContext* c = hart.Context;
        FirmwareCalls++;
        c->State.Pc += 4;
        ulong compare = c->State.Stimecmp;
        hart.InGuest = false;
        FirmwareResult result = firmware.Call((int)c->State.Mhartid, ref c->State);
        if (result == FirmwareResult.Stop) hart.IsStopped = true;
        if (result == FirmwareResult.Wait) c->State.Waiting = 1;
        hart.InGuest = true;
        if (c->State.Stimecmp != compare) hart.UpdateSupervisorTimer();
        // The run loop looks at all three before the next instruction.
        hart.Request(Attention.Interrupt);
    }
}
