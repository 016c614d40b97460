using System.Runtime.InteropServices;

namespace Doppel.Core.Memory;

/// <summary>
/// One entry of a software TLB. A load hits when <c>(gva &amp; (PageMask | (size - 1))) == ReadTag</c>: one compare checks page,
/// permission and alignment together. Tags that can never hit have their lowest bits set.
/// The layout is part of the contract with generated code.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
public struct SoftTlbEntry
{
    /// <summary>Guest-virtual page for loads, or a value that never matches.</summary>
    public ulong ReadTag;

    /// <summary>Guest-virtual page for stores, or a value that never matches (clean page, read-only page, page with code, MMIO).</summary>
    public ulong WriteTag;

    /// <summary>Host address minus guest-virtual address: add it to a Gva to get the Hva.</summary>
    public nint Addend;

    /// <summary>Guest-physical page, for the slow path; low bits free for the engine.</summary>
    public ulong Gpa;
}

/// <summary>Geometry of the software TLB, shared by interpreters and generated code.</summary>
public static class SoftTlb
{
    /// <summary>Binary logarithm of the size of a <see cref="SoftTlbEntry"/> in bytes.</summary>
    public const int EntrySizeLog2 = 5;

    /// <summary>Binary logarithm of the page size.</summary>
    public const int PageBits = 12;

    /// <summary>Mask of the page number within an address.</summary>
    public const ulong PageMask = ~0xFFFUL;

    /// <summary>A tag that no address matches.</summary>
    public const ulong Invalid = ulong.MaxValue;
}
