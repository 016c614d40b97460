using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Doppel.Jit.Abi;

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
[StructLayout(LayoutKind.Explicit, Size = Bytes)]
internal struct NativeFrame
{
    internal const int BudgetAt = 0, ExitOffsetAt = 8, ExitLinkAt = 12, ExitAddressAt = 16, GuestMxcsrAt = 24, HostMxcsrAt = 28, FillHelperAt = 32;
    internal const int MxcsrScratchAt = 40, GoOnHelperAt = 176, FlagTableAt = 112, FlagTableBytes = 64;
    internal const int BoxAt = 48, SignDoubleAt = 64, SignSingleAt = 80, NanDoubleAt = 96, NanSingleAt = 104, ReturnsAt = 184, ReturnsStaleAt = 192;
    internal const int Bytes = ReturnsStaleAt + 16;

    /// <summary>The fields of the packed argument of <see cref="FillHelper"/>.</summary>
    internal const int PackedSizeShift = 12, PackedWrite = 1 << 14, PackedAtomic = 1 << 15, PackedBeforeShift = 16;

    /// <summary>All exceptions masked, round to nearest, no flags.</summary>
    internal const uint DefaultMxcsr = 0x1F80;

    /// <summary>Instructions that may begin before generated code comes back; may end below zero by as much as one unit.</summary>
    [FieldOffset(BudgetAt)]
    internal long Budget;

    [FieldOffset(ExitOffsetAt)]
    internal int ExitOffset;

    [FieldOffset(ExitLinkAt)]
    internal int ExitLink;

    [FieldOffset(ExitAddressAt)]
    internal ulong ExitAddress;

    /// <summary>MXCSR of the guest (rounding mode and accrued flags) and of the host.</summary>
    [FieldOffset(GuestMxcsrAt)]
    internal uint GuestMxcsr;

    [FieldOffset(HostMxcsrAt)]
    internal uint HostMxcsr;

    /// <summary>
    /// Finds the host address of a guest access that missed the TLB: (context, address, packed) to host address, or zero when the
    /// interpreter must do it. Packed has the instruction's page offset in bits 0–11, the binary logarithm of the size in 12–13,
    /// write in 14, atomic in 15, and the number of instructions before it from 16.
    /// </summary>
    [FieldOffset(FillHelperAt)]
    internal nint FillHelper;

    /// <summary>
    /// Decides what follows after an exit with a <see cref="NativeExit"/> that is no end of the budget: (context, exit) to the address of
    /// code, with <see cref="Budget"/> set anew, or zero to leave generated code.
    /// </summary>
    [FieldOffset(GoOnHelperAt)]
    internal nint GoOnHelper;

    /// <summary>
    /// Host stack pointer while no call of generated code waits for its return. Below are the calls that do, 16 bytes each: the guest address
    /// that the return goes to, and above it in order of time the host address that a host call has pushed.
    /// </summary>
    [FieldOffset(ReturnsAt)]
    internal nint Returns;

    /// <summary>Set to one by helpers if calls that wait must be forgotten: what is at a guest address, or the world it is in, may be another now.</summary>
    [FieldOffset(ReturnsStaleAt)]
    internal byte ReturnsStale;

    /// <summary>Upper half all ones: boxes a single. Padded to 16 bytes, as are the sign bits.</summary>
    [FieldOffset(BoxAt)]
    internal ulong Box;

    [FieldOffset(SignDoubleAt)]
    internal ulong SignDouble;

    [FieldOffset(SignSingleAt)]
    internal ulong SignSingle;

    /// <summary>The canonical NaNs, the single one boxed.</summary>
    [FieldOffset(NanDoubleAt)]
    internal ulong NanDouble;

    [FieldOffset(NanSingleAt)]
    internal ulong NanSingle;

    /// <summary>Guest flags for each value of the six flags of MXCSR.</summary>
    [FieldOffset(FlagTableAt)]
    internal FlagTable Flags;

    /// <summary>Sets the constants.</summary>
    internal static void Initialise(ref NativeFrame frame)
    {
        frame.Box = 0xFFFF_FFFF_0000_0000;
        frame.SignDouble = 1UL << 63;
        frame.SignSingle = 1UL << 31;
        frame.NanDouble = 0x7FF8_0000_0000_0000;
        frame.NanSingle = 0xFFFF_FFFF_7FC0_0000;
        frame.GuestMxcsr = frame.HostMxcsr = DefaultMxcsr;
    }
}

/// <summary>A byte for each value of the six flags of MXCSR.</summary>
[InlineArray(NativeFrame.FlagTableBytes)]
internal struct FlagTable
{
    private byte _first;
}

/// <summary>
/// One entry of a jump cache. Each address has two places: generated code looks into the first, the code that all units share into the second.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct JumpCacheEntry
{
    /// <summary>Guest-virtual address, or an odd number.</summary>
    internal ulong Address;

    internal nint Code;

    /// <summary>Entries of one cache.</summary>
    internal const int Entries = 8192;

    /// <summary>Bits of the address that select the entry; they count in steps of two.</summary>
    internal const int IndexMask = (Entries - 1) << 1;

    /// <summary>
    /// The second place differs from the first in the lowest bit of the page's number, and in the next one if the bit of the address is set that
    /// stands <see cref="OtherShift"/> above it: both places of all addresses of a page stand in two rows.
    /// </summary>
    internal const int OtherAlways = 1 << 12, OtherSometimes = 1 << 13, OtherShift = 1;

    /// <summary>Size of one cache in bytes.</summary>
    internal const int CacheBytes = Entries * 16;
}

/// <summary>
/// Which physical page follows a page of code in guest-virtual addresses: an instruction that straddles the two runs translated while this
/// holds.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NextPageEntry
{
    /// <summary>Guest-virtual address of the code page, or an odd number.</summary>
    internal ulong CodePage;

    /// <summary>What the guest side calls the page behind it.</summary>
    internal ulong Next;

    /// <summary>Entries of the cache.</summary>
    internal const int Entries = 256;

    internal const int CacheBytes = Entries * 16;
}
