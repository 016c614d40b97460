using Doppel.RiscV;

namespace Doppel.Boot.Sbi;

/// <summary>
/// The state in which firmware hands a hart to the operating system: S-mode, translation off, interrupts off (SBI 2.0, chapter 9), and
/// everything that S-mode needs given to it.
/// </summary>
internal static class SupervisorEntry
{
    private const int A0 = 10, A1 = 11;

    // Every exception but the environment call from S-mode (9), which is the firmware's: nobody else stands in M-mode.
    private const ulong DelegatedExceptions = 0xB1FF;

    // Supervisor software, timer and external interrupts.
    private const ulong DelegatedInterrupts = 0x222;

    private const ulong AllCounters = 0xFFFF_FFFF;

    // menvcfg: STCE, PBMTE, ADUE, CBZE, CBCFE, CBIE = 3 (privileged manual, 3.1.18; Svadu; CMO, 2.5).
    private const ulong Environment = (1UL << 63) | (1UL << 62) | (1UL << 61) | (1UL << 7) | (1UL << 6) | (3UL << 4);

    // mstatus: FS dirty, so that a kernel that uses floating point early is not surprised.
    private const ulong FloatingPointOn = 3UL << 13;

    // One region over the whole address space, readable, writable and executable (privileged manual, 3.7.1: NAPOT).
    private const byte OpenRegion = 0x1F;

    /// <summary>Makes the state.</summary>
    /// <param name="reset">State after reset.</param>
    /// <param name="hart">Number of the hart, in a0.</param>
    /// <param name="address">First instruction.</param>
    /// <param name="argument">Value in a1: the device tree at boot, an opaque value at HSM start.</param>
    public static RiscVState Create(in RiscVState reset, ulong hart, ulong address, ulong argument)
    {
        RiscVState state = reset;
        state.Mhartid = hart;
        state.Pc = address;
        state.SetX(A0, hart);
        state.SetX(A1, argument);
        state.Privilege = (uint)PrivilegeMode.Supervisor;
        state.Mstatus |= FloatingPointOn;
        state.Medeleg = DelegatedExceptions;
        state.Mideleg = DelegatedInterrupts;
        state.Mcounteren = AllCounters;
        // Kernels expect firmware to have done this as well: the vDSO of Linux reads the time in U-mode.
        state.Scounteren = AllCounters;
        state.Menvcfg = Environment;
        state.SetPmp(0, OpenRegion, ulong.MaxValue >> 10);
        return state;
    }
}
