using Doppel.Core.Memory;
using Doppel.RiscV;

namespace Doppel.Boot.Sbi;

/// <summary>Reads the caller's memory through its own page tables, without side effects (privileged manual, 4.3 to 4.5).</summary>
internal static class SupervisorMemory
{
    private const ulong Valid = 1, Readable = 2, Leaf = 0xE;

    /// <summary>Reads eight aligned bytes at a guest-virtual address. False where nothing readable is mapped.</summary>
    public static bool TryReadUInt64(GuestMemory memory, in RiscVState state, ulong address, out ulong value)
    {
        value = 0;
        return (address & 7) == 0 && TryTranslate(memory, state.Satp, address, out ulong physical) && memory.TryRead(physical, out value);
    }

    // satp.MODE 8, 9 and 10 are Sv39, Sv48 and Sv57: three, four and five levels.
    private static bool TryTranslate(GuestMemory memory, ulong satp, ulong address, out ulong physical)
    {
        physical = address;
        int mode = (int)(satp >> 60);
        if (mode == 0) return true;
        int levels = mode - 5;
        if (levels is < 3 or > 5 || !IsCanonical(address, levels)) return false;
        ulong table = (satp & ((1UL << 44) - 1)) << 12;
        for (int level = levels - 1; level >= 0; level--)
        {
            int shift = 12 + (9 * level);
            if (!memory.TryRead(table + (((address >> shift) & 0x1FF) * 8), out ulong entry) || (entry & Valid) == 0) return false;
            ulong page = ((entry >> 10) & ((1UL << 44) - 1)) << 12;
            if ((entry & Leaf) != 0)
            {
                ulong inside = (1UL << shift) - 1;
                physical = (page & ~inside) | (address & inside);
                return (entry & Readable) != 0 && (page & inside) == 0;
            }
            table = page;
        }
        return false;
    }

    private static bool IsCanonical(ulong address, int levels)
    {
        int unused = 64 - 12 - (9 * levels);
        return (ulong)((long)(address << unused) >> unused) == address;
    }
}
