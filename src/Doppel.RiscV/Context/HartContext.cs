using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Doppel.Core.Memory;

namespace Doppel.RiscV.Context;

/// <summary>Why a running hart must leave its loop and look around; bits of <see cref="HartContext.Attention"/>.</summary>
[Flags]
internal enum Attention
{
    None = 0,

    /// <summary>Somebody wants <c>Run</c> to return.</summary>
    Exit = 1,

    /// <summary>An interrupt may have become pending.</summary>
    Interrupt = 2,

    /// <summary>Another hart made code of a page: stores to it must take the slow path from now on.</summary>
    FollowArmings = 4,

    /// <summary>Another hart asks for FENCE.I and SFENCE.VMA.</summary>
    Fence = 8,
}

/// <summary>One entry of the TLB of instruction pages: a hit leads straight to decoded instructions.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FetchEntry
{
    /// <summary>Guest-virtual page, or <see cref="SoftTlb.Invalid"/>.</summary>
    internal ulong Tag;

    /// <summary>Decoded instructions of the page, one for each half-word.</summary>
    internal DecodedInstruction* Instructions;
}

/// <summary>
/// What the fast paths of all engines work on, in native memory so that generated code can address it. All but the architectural state is derived
/// from it or belongs to the run loop, and is never saved. What generated code names most comes first, the integer registers right behind it.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HartContext
{
    /// <summary>What brings the bits of an address that select the TLB's entry to the place where they count in bytes.</summary>
    internal const int TlbIndexShift = SoftTlb.PageBits - SoftTlb.EntrySizeLog2;

    /// <summary>Number of entries of one <see cref="FetchTlb"/>.</summary>
    internal const int FetchEntries = 256;

    /// <summary>Modes that have tables of jumps of their own: U, S and M.</summary>
    internal const int Modes = 3;

    /// <summary>TLB for loads and stores in the current mode.</summary>
    internal SoftTlbEntry* Tlb;

    /// <summary>Mask that makes an address, shifted right by <see cref="TlbIndexShift"/>, the offset of its entry.</summary>
    internal ulong TlbOffsetMask;

    /// <summary>Guest-virtual address of the page that is being executed.</summary>
    internal ulong CodePage;

    /// <summary>Addresses of the tables that generated code looks jumps up in: for U, S and M-mode in the current address space.</summary>
    internal fixed ulong JumpTables[Modes];

    internal RiscVState State;

    /// <summary>Instructions that may still begin before the run loop looks around. Counts down; the loop leaves when it would fall below zero.</summary>
    internal long Budget;

    /// <summary>Ticks at which <see cref="Budget"/> reaches zero: ticks so far are the difference of the two.</summary>
    internal ulong TickLimit;

    /// <summary><see cref="Context.Attention"/> bits, set by any thread.</summary>
    internal int Attention;

    /// <summary>Levels of the interrupt wires, with the bit numbers of mip, set by any thread.</summary>
    internal int Wires;

    /// <summary><see cref="Tlb"/> and <see cref="TlbOffsetMask"/> as they would be with mstatus.SUM clear, then with it set.</summary>
    internal fixed ulong TlbOfSum[4];

    /// <summary>TLB for instruction pages in the current mode.</summary>
    internal FetchEntry* FetchTlb;

    /// <summary>Decoded instructions of the page that is being executed.</summary>
    internal DecodedInstruction* CodeInstructions;

    /// <summary>Cause and tval of the fault that a memory access just met.</summary>
    internal ulong FaultCause, FaultValue;

    /// <summary>Handle of the managed hart that this context belongs to.</summary>
    internal nint Owner;

    /// <summary>Ticks so far.</summary>
    internal readonly ulong Ticks => TickLimit - (ulong)Budget;

    /// <summary>The entry of the TLB that serves an address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly SoftTlbEntry* EntryOf(ulong va) => (SoftTlbEntry*)((byte*)Tlb + ((va >> TlbIndexShift) & TlbOffsetMask));

    /// <summary>Address of a decoded instruction on the current page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly ulong PcOf(DecodedInstruction* i)
    {
        // A decoded instruction takes 16 bytes for each half-word of code.
        return CodePage + ((ulong)((byte*)i - (byte*)CodeInstructions) >> 3);
    }
}
