using Doppel.RiscV;

namespace Doppel.IsaTests.Harts;

/// <summary>Access to the plain state of a hart without pointers, and a state to start from.</summary>
internal static class HartState
{
    /// <summary>Floating point on, all memory open to every mode, no reservation.</summary>
    internal static RiscVState Reset()
    {
        RiscVState state = default;
        state.Privilege = (uint)PrivilegeMode.Machine;
        // FS dirty; UXL and SXL are 64 bits.
        state.Mstatus = (3UL << 13) | (2UL << 32) | (2UL << 34);
        state.ReservationAddress = ulong.MaxValue;
        OpenMemory(ref state);
        return state;
    }

    internal static ulong X(this in RiscVState state, int register)
    {
        // SAFETY: the caller names one of the 32 registers of the fixed buffer.
        unsafe { return state.X[register]; }
    }

    internal static void SetX(this ref RiscVState state, int register, ulong value)
    {
        // SAFETY: the caller names one of the 32 registers of the fixed buffer.
        unsafe { state.X[register] = value; }
    }

    internal static ulong F(this in RiscVState state, int register)
    {
        // SAFETY: the caller names one of the 32 registers of the fixed buffer.
        unsafe { return state.F[register]; }
    }

    // PMP region 15, NAPOT over everything, RWX: without a region S and U may touch nothing (privileged manual 3.7.1).
    private static void OpenMemory(ref RiscVState state)
    {
        // SAFETY: both buffers have 16 elements.
        unsafe
        {
            state.Pmpcfg[15] = 0x1F;
            state.Pmpaddr[15] = ulong.MaxValue >> 10;
        }
    }
}
