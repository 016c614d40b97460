using System.Runtime.InteropServices;

namespace Doppel.Jit.CodeCache;

/// <summary>Why generated code came back.</summary>
internal enum NativeExit
{
    /// <summary>The budget is below zero. The target is <see cref="NativeFrame.ExitOffset"/> on the code page.</summary>
    Budget,

    /// <summary>The budget is below zero. The target is <see cref="NativeFrame.ExitAddress"/>.</summary>
    BudgetIndirect,

    /// <summary>A jump within the code page is not linked yet: <see cref="NativeFrame.ExitLink"/> names it.</summary>
    Link,

    /// <summary>The jump cache does not know <see cref="NativeFrame.ExitAddress"/>.</summary>
    Lookup,

    /// <summary>The instruction at <see cref="NativeFrame.ExitOffset"/> on the code page is for the interpreter.</summary>
    Interpret,
}

/// <summary>What generated code and its host exchange, in the native context. The layout is part of generated code.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeFrame
{
    /// <summary>Instructions that may begin before generated code comes back; may end below zero by as much as one unit.</summary>
    internal long Budget;

    internal int ExitOffset;

    internal int ExitLink;

    internal ulong ExitAddress;

    /// <summary>MXCSR of the guest (rounding mode and accrued flags) and of the host.</summary>
    internal uint GuestMxcsr, HostMxcsr;

    /// <summary>
    /// Finds the host address of a guest access that missed the TLB: (context, address, packed) to host address, or zero when the
    /// interpreter must do it. Packed has the instruction's page offset in bits 0–11, the binary logarithm of the size in 12–13,
    /// write in 14, atomic in 15, and the number of instructions before it from 16.
    /// </summary>
    internal nint FillHelper;

    /// <summary>Upper half all ones: boxes a single. 16 bytes.</summary>
    internal ulong BoxLow, BoxHigh;

    /// <summary>Sign bit of a double, of a single; each padded to 16 bytes.</summary>
    internal ulong SignDouble, SignDoubleHigh, SignSingle, SignSingleHigh;

    /// <summary>The canonical NaNs, boxed.</summary>
    internal ulong NanDouble, NanSingle;

    internal const int PackedSizeShift = 12, PackedWrite = 1 << 14, PackedAtomic = 1 << 15, PackedBeforeShift = 16;

    /// <summary>Offset of a field.</summary>
    internal static int OffsetOf(string field) => (int)Marshal.OffsetOf<NativeFrame>(field);

    /// <summary>Sets the constants.</summary>
    internal static void Initialise(ref NativeFrame frame)
    {
        frame.BoxLow = 0xFFFF_FFFF_0000_0000;
        frame.SignDouble = 1UL << 63;
        frame.SignSingle = 1UL << 31;
        frame.NanDouble = 0x7FF8_0000_0000_0000;
        frame.NanSingle = 0xFFFF_FFFF_7FC0_0000;
        frame.GuestMxcsr = frame.HostMxcsr = DefaultMxcsr;
    }

    /// <summary>All exceptions masked, round to nearest, no flags.</summary>
    internal const uint DefaultMxcsr = 0x1F80;
}

/// <summary>One entry of a jump cache.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct JumpCacheEntry
{
    /// <summary>Guest-virtual address, or an odd number.</summary>
    internal ulong Address;

    internal nint Code;

    /// <summary>Entries of one cache.</summary>
    internal const int Entries = 2048;

    /// <summary>Bits of the address that select the entry; they count in steps of two.</summary>
    internal const int IndexMask = (Entries - 1) << 1;

    /// <summary>Size of one cache in bytes.</summary>
    internal const int CacheBytes = Entries * 16;
}
