using Doppel.Core.Memory;

namespace Doppel.IsaTests.Oracle;

/// <summary>Sv39 page tables that map a range to itself in 4 KiB pages (privileged manual, Sv39).</summary>
internal static class IdentityTables
{
    private const int PageBits = 12;
    private const int IndexBits = 9;
    private const ulong Pointer = 0x1;
    // V R W X A D: for S-mode, and needing no update by the walker.
    private const ulong Leaf = 0xCF;

    /// <summary>Writes the tables; the root is the first page.</summary>
    internal static void Write(GuestMemory memory, ulong tables, ulong start, ulong size)
    {
        ulong next = tables + (1UL << PageBits);
        for (ulong page = start; page < start + size; page += 1UL << PageBits)
        {
            ulong table = tables;
            for (int level = 2; level > 0; level--)
            {
                ulong slot = Slot(table, page, level);
                memory.TryRead(slot, out ulong entry);
                if (entry == 0)
                {
                    entry = (next >> PageBits << 10) | Pointer;
                    memory.TryWrite(slot, entry);
                    next += 1UL << PageBits;
                }
                table = entry >> 10 << PageBits;
            }
            memory.TryWrite(Slot(table, page, 0), (page >> PageBits << 10) | Leaf);
        }
    }

    private static ulong Slot(ulong table, ulong address, int level) =>
        table + ((address >> (PageBits + (level * IndexBits)) & ((1UL << IndexBits) - 1)) * 8);
}
