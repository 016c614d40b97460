using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;

namespace Doppel.RiscV.Csr;

/// <summary>What reading and writing a CSR does beyond moving a value: legal values, views, and effects on the rest of the hart.</summary>
internal static unsafe class CsrEffects
{
    private const ulong WritableMstatus = Mstatus.Sie | Mstatus.Mie | Mstatus.Spie | Mstatus.Mpie | Mstatus.Spp | Mstatus.Mpp | Mstatus.Fs
        | Mstatus.Mprv | Mstatus.Sum | Mstatus.Mxr | Mstatus.Tvm | Mstatus.Tw | Mstatus.Tsr;

    private const ulong Cycle = 1, Instret = 4;

    /// <summary>SD says that some unit's state is dirty (privileged manual, 3.1.6.6).</summary>
    internal static ulong ReadMstatus(Hart h)
    {
        ulong status = h.Context->State.Mstatus;
        return (status & Mstatus.Fs) == Mstatus.Fs ? status | Mstatus.Sd : status;
    }

    internal static void WriteMstatus(Hart h, ulong value)
    {
        ulong old = h.Context->State.Mstatus;
        // MPP is WARL: two names no privilege mode, and the old value stays.
        if ((value & Mstatus.Mpp) == 2UL << Mstatus.MppShift) value = (value & ~Mstatus.Mpp) | (old & Mstatus.Mpp);
        h.Context->State.Mstatus = (old & ~WritableMstatus) | (value & WritableMstatus);
        h.Mmu.UpdateMode();
    }

    internal static void WriteSstatus(Hart h, ulong value) =>
        WriteMstatus(h, (h.Context->State.Mstatus & ~Mstatus.SupervisorView) | (value & Mstatus.SupervisorView));

    internal static void WriteFflags(Hart h, ulong value)
    {
        h.Context->State.Fflags = (uint)value & 31;
        h.Context->State.Mstatus |= Mstatus.Fs;
    }

    internal static void WriteFrm(Hart h, ulong value)
    {
        h.Context->State.Frm = (uint)value & 7;
        h.Context->State.Mstatus |= Mstatus.Fs;
    }

    internal static void WriteFcsr(Hart h, ulong value)
    {
        WriteFflags(h, value);
        WriteFrm(h, value >> 5);
    }

    internal static void WriteSie(Hart h, ulong value)
    {
        ulong mask = h.Context->State.Mideleg;
        h.Context->State.Mie = (h.Context->State.Mie & ~mask) | (value & mask);
    }

    // S-mode may write SSIP only, and only where it is delegated (privileged manual, 10.1.3).
    internal static void WriteSip(Hart h, ulong value) => WritePending(h, value, InterruptBit.Ssi & h.Context->State.Mideleg);

    internal static void WriteMip(Hart h, ulong value)
    {
        ulong mask = InterruptBit.Supervisor;
        if ((h.Context->State.Menvcfg & Envcfg.Stce) != 0) mask &= ~InterruptBit.Sti;
        WritePending(h, value, mask);
    }

    // Other harts set bits of mip at the same time (IPIs), so only the masked bits are touched.
    private static void WritePending(Hart h, ulong value, ulong mask)
    {
        Interlocked.And(ref h.Context->State.Mip, ~mask | value);
        Interlocked.Or(ref h.Context->State.Mip, mask & value);
    }

    internal static void WriteStimecmp(Hart h, ulong value)
    {
        Volatile.Write(ref h.Context->State.Stimecmp, value);
        h.UpdateSupervisorTimer();
    }

    /// <summary>satp is WARL: a write that names an unknown mode has no effect at all (privileged manual, 10.1.11).</summary>
    internal static void WriteSatp(Hart h, ulong value)
    {
        ulong mode = value >> 60;
        if (mode is not (0 or 8 or 9 or 10) || value == h.Context->State.Satp) return;
        h.Context->State.Satp = value;
        h.Mmu.EnterSpace();
    }

    internal static void WriteMenvcfg(Hart h, ulong value)
    {
        const ulong Mask = Envcfg.Fiom | Envcfg.Cbie | Envcfg.Cbcfe | Envcfg.Cbze | Envcfg.Adue | Envcfg.Pbmte | Envcfg.Stce;
        ulong old = h.Context->State.Menvcfg;
        h.Context->State.Menvcfg = LegalEnvcfg(value, Mask);
        if (((old ^ value) & (Envcfg.Adue | Envcfg.Pbmte)) != 0) h.Mmu.FlushAll();
    }

    /// <summary>CBIE is WARL: two is reserved and reads back as zero.</summary>
    internal static ulong LegalEnvcfg(ulong value, ulong mask)
    {
        value &= mask;
        return (value & Envcfg.Cbie) == 2UL << 4 ? value & ~Envcfg.Cbie : value;
    }

    internal static ulong ReadPmpcfg(Hart h, int first)
    {
        ulong value = 0;
        for (int i = 0; i < 8; i++) value |= (ulong)h.Context->State.Pmpcfg[first + i] << (8 * i);
        return value;
    }

    internal static void WritePmpcfg(Hart h, int first, ulong value)
    {
        for (int i = 0; i < 8; i++) h.Mmu.Pmp.WriteConfig(first + i, (byte)(value >> (8 * i)));
        h.Mmu.Pmp.Update();
        h.Mmu.FlushAll();
    }

    internal static ulong ReadPmpaddr(Hart h, int region) => h.Context->State.Pmpaddr[region];

    internal static void WritePmpaddr(Hart h, int region, ulong value)
    {
        if (h.Mmu.Pmp.IsAddressLocked(region)) return;
        h.Context->State.Pmpaddr[region] = value & ((1UL << 54) - 1);
        h.Mmu.Pmp.Update();
        h.Mmu.FlushAll();
    }

    // The counters are offsets against the number of instructions begun: nothing counts on the fast path. While a counter is inhibited its
    // field holds the frozen value itself. A read sees the instructions before it, so the reading one is taken off again.
    internal static ulong ReadCycle(Hart h) => Read(h, Cycle, h.Context->State.McycleOffset);

    internal static ulong ReadInstret(Hart h) => Read(h, Instret, h.Context->State.MinstretOffset);

    // A write takes effect after the writing instruction has been counted (unprivileged manual, Zicntr; privileged manual, 3.1.10).
    internal static void WriteMcycle(Hart h, ulong value) =>
        h.Context->State.McycleOffset = IsInhibited(h, Cycle) ? value : value - h.Context->Ticks;

    internal static void WriteMinstret(Hart h, ulong value) =>
        h.Context->State.MinstretOffset = IsInhibited(h, Instret) ? value : value - h.Context->Ticks;

    internal static void WriteMcountinhibit(Hart h, ulong value)
    {
        ulong cycle = ReadCycle(h), instret = ReadInstret(h);
        h.Context->State.Mcountinhibit = value & (Cycle | Instret);
        WriteMcycle(h, IsInhibited(h, Cycle) ? cycle : cycle + 1);
        WriteMinstret(h, IsInhibited(h, Instret) ? instret : instret + 1);
    }

    private static ulong Read(Hart h, ulong counter, ulong offset) =>
        IsInhibited(h, counter) ? offset : h.Context->Ticks - 1 + offset;

    private static bool IsInhibited(Hart h, ulong counter) => (h.Context->State.Mcountinhibit & counter) != 0;
}
