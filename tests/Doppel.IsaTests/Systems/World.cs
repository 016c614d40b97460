using System.Buffers.Binary;
using Doppel.IsaTests.Common;

namespace Doppel.IsaTests.Systems;

/// <summary>
/// One set of page tables for Sv39, Sv48 and Sv57 that share their lower levels. Fixed superpages map all RAM for S-mode at its own address
/// and for U-mode higher up, so that code runs; the rest is random, with every kind of malformed entry.
/// </summary>
internal sealed class World
{
    internal const int Bytes = PageCount * PageBytes;

    private const int PageBytes = 4096, PageCount = 9;
    private const int Root57 = 0, Root48 = 1, Root39 = 2, Middle = 3, FirstLeaf = 4, Leaves = 5;
    private const int LeafSlots = 16;
    private const int FirstCode = 0xC00;

    // The first and last slot in use. What stands behind slot 0 as a physical address is ROM in one machine and nothing in another.
    private const int FirstMiddle = 1, LastMiddle = 8;

    // Physical addresses where no machine has anything.
    private const ulong Nothing = 0x2600_0000, FarAway = 0x00FF_FFFF_FFFF_F000;
    private const ulong Pointer = 1, SupervisorLeaf = 0xCF, UserLeaf = 0xDF;

    private readonly ulong _base;
    private readonly byte[] _bytes = new byte[Bytes];

    internal World(int index, Rng rng)
    {
        _base = SystemLayout.Tables + (ulong)(index * Bytes);
        Set(Root57, 0, Table(Root48));
        Set(Root57, 511, Table(Root48));
        Set(Root48, 0, Table(Root39));
        Set(Root48, 511, Table(Root39));
        Set(Root39, 0, Table(Middle));
        Set(Root39, 511, Table(Middle));
        Set(Root39, 2, Entry(SystemLayout.Ram, SupervisorLeaf));
        Set(Root39, 3, Entry(SystemLayout.Ram, UserLeaf));
        Set(Root39, 4, Entry(SystemLayout.Data, UserLeaf)); // misaligned gigapage
        for (int i = FirstMiddle; i <= LastMiddle; i++) Set(Middle, i, RandomMiddle(rng));
        for (int table = FirstLeaf; table < FirstLeaf + Leaves; table++)
        {
            for (int i = 0; i < LeafSlots; i++) Set(table, i, RandomLeaf(rng));
        }
    }

    internal ReadOnlySpan<byte> Contents => _bytes;

    internal ulong Address => _base;

    /// <summary>Value of satp for a mode: 8, 9, 10, or 0 for none.</summary>
    internal ulong Satp(int mode, Rng rng)
    {
        int root = mode switch { 8 => Root39, 9 => Root48, _ => Root57 };
        return mode == 0 ? 0 : ((ulong)mode << 60) | ((ulong)rng.Below(3) << 44) | (_base + (ulong)(root * PageBytes)) >> 12;
    }

    /// <summary>A virtual address with something interesting behind it.</summary>
    /// <param name="rng">Randomness.</param>
    /// <param name="code">True for a target of jumps: never where data is stored, so that no data is run.</param>
    internal static ulong RandomAddress(Rng rng, bool code = false)
    {
        // Naturally aligned: the oracle reports a misaligned address that faults rounded down, against the manual.
        ulong offset = (ulong)(code ? FirstCode + rng.Below(PageBytes - FirstCode) : rng.Below(FirstCode)) & ~7UL;
        ulong address = ((ulong)rng.Between(FirstMiddle, LastMiddle) << 21) | ((ulong)rng.Below(LeafSlots) << 12) | offset;
        switch (rng.Below(12))
        {
            case 0: return address | 0xFFFF_FFC0_0000_0000; // upper half of Sv39
            case 1: return address | 0xFFFF_FF80_0000_0000; // upper half of Sv48 and Sv57 only
            case 2: return address | (1UL << (38 + rng.Below(26))); // not canonical
            case 3: return 0x1_0000_0000 | address; // misaligned gigapage
            case 4: return SystemLayout.Data + (offset | (ulong)rng.Below(SystemLayout.DataPages) << 12);
            case 5: return SystemLayout.Data + SystemLayout.UserAlias + (offset | (ulong)rng.Below(SystemLayout.DataPages) << 12);
            default: return address;
        }
    }

    private ulong RandomMiddle(Rng rng) => rng.Below(10) switch
    {
        < 5 => Table(FirstLeaf + rng.Below(Leaves)),
        5 => Table(FirstLeaf + rng.Below(Leaves)) | (1UL << rng.Pick([4, 6, 7, 61, 63, 54])), // reserved in a pointer
        6 or 7 => Entry(SystemLayout.Data, RandomBits(rng)), // superpage
        8 => Entry(SystemLayout.Data + 0x1000, RandomBits(rng)), // misaligned superpage
        _ => rng.Next() & ~1UL,
    };

    private static ulong RandomLeaf(Rng rng)
    {
        ulong page = rng.Chance(95) ? SystemLayout.Data + ((ulong)rng.Below(SystemLayout.DataPages) << 12) : rng.Pick([Nothing, FarAway]);
        ulong entry = Entry(page, RandomBits(rng));
        // Reserved bits, NAPOT (which this hart has not) and memory types.
        return rng.Below(16) == 0 ? entry | (1UL << rng.Pick([54, 58, 60, 63])) : entry;
    }

    // V nearly always; R W X U G A D at random, with the common cases more often.
    private static ulong RandomBits(Rng rng)
    {
        ulong bits = rng.Below(4) switch { 0 => 0xC7UL, 1 => 0xCF, 2 => 0xC3, _ => (rng.Next() & 0xEF) | 2 };
        if (rng.Chance(50)) bits |= 0x10;
        if (rng.Chance(25)) bits &= ~0x80UL;
        if (rng.Chance(15)) bits &= ~0xC0UL;
        return rng.Chance(94) ? bits | 1 : bits & ~1UL;
    }

    private ulong Table(int page) => Entry(_base + (ulong)(page * PageBytes), Pointer);

    private static ulong Entry(ulong address, ulong bits) => (address >> 12 << 10) | bits;

    private void Set(int page, int slot, ulong entry) => BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan((page * PageBytes) + (slot * 8)), entry);
}
