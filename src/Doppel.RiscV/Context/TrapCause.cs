namespace Doppel.RiscV.Context;

/// <summary>Exception codes of mcause and scause (privileged manual, table "mcause values after trap").</summary>
internal enum TrapCause : uint
{
    InstructionMisaligned = 0,
    InstructionAccessFault = 1,
    IllegalInstruction = 2,
    Breakpoint = 3,
    LoadMisaligned = 4,
    LoadAccessFault = 5,
    StoreMisaligned = 6,
    StoreAccessFault = 7,
    EcallFromUser = 8,
    EcallFromSupervisor = 9,
    EcallFromMachine = 11,
    InstructionPageFault = 12,
    LoadPageFault = 13,
    StorePageFault = 15,
}

/// <summary>Interrupt numbers: bits of mip, mie and mideleg, and codes of mcause (privileged manual, 3.1.9).</summary>
internal static class InterruptBit
{
    internal const int SupervisorSoftware = 1, MachineSoftware = 3, SupervisorTimer = 5, MachineTimer = 7;
    internal const int SupervisorExternal = 9, MachineExternal = 11;

    internal const ulong Ssi = 1UL << SupervisorSoftware, Msi = 1UL << MachineSoftware, Sti = 1UL << SupervisorTimer, Mti = 1UL << MachineTimer;
    internal const ulong Sei = 1UL << SupervisorExternal, Mei = 1UL << MachineExternal;

    /// <summary>The interrupts that S-mode may be given.</summary>
    internal const ulong Supervisor = Ssi | Sti | Sei;

    internal const ulong All = Supervisor | Msi | Mti | Mei;
}

/// <summary>Fields of mstatus (privileged manual, 3.1.6).</summary>
internal static class Mstatus
{
    internal const ulong Sie = 1UL << 1, Mie = 1UL << 3, Spie = 1UL << 5, Mpie = 1UL << 7, Spp = 1UL << 8, Mpp = 3UL << 11, Fs = 3UL << 13;
    internal const ulong Mprv = 1UL << 17, Sum = 1UL << 18, Mxr = 1UL << 19, Tvm = 1UL << 20, Tw = 1UL << 21, Tsr = 1UL << 22;
    internal const ulong Uxl = 2UL << 32, Sxl = 2UL << 34, Sd = 1UL << 63;
    internal const int MppShift = 11;

    /// <summary>What sstatus shows of mstatus.</summary>
    internal const ulong SupervisorView = Sie | Spie | Spp | Fs | Sum | Mxr | (3UL << 32) | Sd;
}

/// <summary>Fields of menvcfg and senvcfg (privileged manual, 3.1.18; Zicbom, Zicboz, Sstc, Svadu, Svpbmt).</summary>
internal static class Envcfg
{
    internal const ulong Fiom = 1, Cbie = 3UL << 4, CbieInvalidate = 3UL << 4, Cbcfe = 1UL << 6, Cbze = 1UL << 7;
    internal const ulong Adue = 1UL << 61, Pbmte = 1UL << 62, Stce = 1UL << 63;
}
