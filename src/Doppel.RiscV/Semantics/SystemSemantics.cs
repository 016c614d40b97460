using Doppel.RiscV.Context;
using Doppel.RiscV.Csr;
using Doppel.RiscV.Harts;
using Doppel.RiscV.Mmu;
using static Doppel.RiscV.Semantics.Flow;

namespace Doppel.RiscV.Semantics;

/// <summary>Environment calls, returns, fences, WFI and CSR instructions. Whatever may change the mode or what is pending leaves the fast loop.</summary>
internal static unsafe class SystemSemantics
{
    internal static DecodedInstruction* Ecall(HartContext* c, DecodedInstruction* i) =>
        Raise(c, i, TrapCause.EcallFromUser + c->State.Privilege, 0);

    internal static DecodedInstruction* Ebreak(HartContext* c, DecodedInstruction* i) => Raise(c, i, TrapCause.Breakpoint, c->PcOf(i));

    internal static DecodedInstruction* Mret(HartContext* c, DecodedInstruction* i)
    {
        if (c->State.Privilege != (uint)PrivilegeMode.Machine) return Illegal(c, i);
        Hart.Of(c).Traps.ReturnFromMachine();
        return null;
    }

    internal static DecodedInstruction* Sret(HartContext* c, DecodedInstruction* i)
    {
        if (!IsSupervisorAllowed(c, Mstatus.Tsr)) return Illegal(c, i);
        Hart.Of(c).Traps.ReturnFromSupervisor();
        return null;
    }

    // WFI needs an implementation-defined time at most below M-mode when TW is set; ours is zero. In U-mode, with S-mode there, it is
    // illegal unless it ends at once (privileged manual, 3.1.6.5 and 3.3.3).
    internal static DecodedInstruction* Wfi(HartContext* c, DecodedInstruction* i)
    {
        if (!IsSupervisorAllowed(c, Mstatus.Tw)) return Illegal(c, i);
        c->State.Waiting = 1;
        return Leave(c, i);
    }

    internal static DecodedInstruction* SfenceVma(HartContext* c, DecodedInstruction* i)
    {
        if (!IsSupervisorAllowed(c, Mstatus.Tvm)) return Illegal(c, i);
        HartMmu mmu = Hart.Of(c).Mmu;
        if (i->Rs1 != 0) mmu.FlushPage(Rs1(c, i), i->Rs2 == 0 ? null : Rs2(c, i));
        else if (i->Rs2 != 0) mmu.FlushSpace(Rs2(c, i));
        else mmu.FlushAll();
        return Leave(c, i);
    }

    /// <summary>SFENCE.W.INVAL and SFENCE.INVAL.IR: SINVAL.VMA acts at once here, so the two have nothing to order (Svinval).</summary>
    internal static DecodedInstruction* SfenceInval(HartContext* c, DecodedInstruction* i) =>
        IsSupervisorAllowed(c, 0) ? Next(i) : Illegal(c, i);

    internal static DecodedInstruction* Fence(HartContext* c, DecodedInstruction* i)
    {
        Interlocked.MemoryBarrier();
        return Next(i);
    }

    /// <summary>PAUSE: the guest spins, and on a host with fewer processors the one it waits for may not be running (Zihintpause).</summary>
    internal static DecodedInstruction* Pause(HartContext* c, DecodedInstruction* i)
    {
        Hart.Of(c).Yields = true;
        return Leave(c, i);
    }

    internal static DecodedInstruction* FenceI(HartContext* c, DecodedInstruction* i)
    {
        Hart.Of(c).InstructionFence = true;
        return Leave(c, i);
    }

    internal static DecodedInstruction* Csrrw(HartContext* c, DecodedInstruction* i) => Access(c, i, CsrOperation.Write, Rs1(c, i), write: true);

    internal static DecodedInstruction* Csrrs(HartContext* c, DecodedInstruction* i) => Access(c, i, CsrOperation.Set, Rs1(c, i), write: i->Rs1 != 0);

    internal static DecodedInstruction* Csrrc(HartContext* c, DecodedInstruction* i) => Access(c, i, CsrOperation.Clear, Rs1(c, i), write: i->Rs1 != 0);

    internal static DecodedInstruction* Csrrwi(HartContext* c, DecodedInstruction* i) => Access(c, i, CsrOperation.Write, i->Rs1, write: true);

    internal static DecodedInstruction* Csrrsi(HartContext* c, DecodedInstruction* i) => Access(c, i, CsrOperation.Set, i->Rs1, write: i->Rs1 != 0);

    internal static DecodedInstruction* Csrrci(HartContext* c, DecodedInstruction* i) => Access(c, i, CsrOperation.Clear, i->Rs1, write: i->Rs1 != 0);

    private enum CsrOperation
    {
        Write,
        Set,
        Clear,
    }

    private static DecodedInstruction* Access(HartContext* c, DecodedInstruction* i, CsrOperation operation, ulong operand, bool write)
    {
        Hart hart = Hart.Of(c);
        if (!CsrFile.TryFind(hart, i->Imm, write, out CsrRow row)) return Illegal(c, i);
        // CSRRW with rd = x0 must not read (unprivileged manual, Zicsr); none of our reads has an effect, so it may.
        ulong old = row.Read(hart);
        if (!write) return Write(c, i, old);
        row.Write?.Invoke(hart, operation switch
        {
            CsrOperation.Write => operand,
            CsrOperation.Set => WritableBits(hart, row, old) | operand,
            _ => WritableBits(hart, row, old) & ~operand,
        });
        c->State.X[i->Rd] = old;
        return Leave(c, i);
    }

    // Setting and clearing bits of mip works on the writable SEIP alone, not on what the interrupt controller drives (privileged manual, 3.1.9).
    private static ulong WritableBits(Hart hart, CsrRow row, ulong old)
    {
        if (row.Number != 0x344) return old;
        return (old & ~InterruptBit.Sei) | (Volatile.Read(ref hart.Context->State.Mip) & InterruptBit.Sei);
    }

    /// <summary>True in M-mode, and in S-mode where the named trap bit of mstatus is clear.</summary>
    private static bool IsSupervisorAllowed(HartContext* c, ulong trapBit) =>
        c->State.Privilege == (uint)PrivilegeMode.Machine
        || (c->State.Privilege == (uint)PrivilegeMode.Supervisor && (c->State.Mstatus & trapBit) == 0);
}
