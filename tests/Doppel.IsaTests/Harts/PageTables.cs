namespace Doppel.IsaTests.Harts;

/// <summary>Page tables of a test, in the RAM of a bare hart: any depth, any entry (privileged manual, Sv39, Sv48, Sv57).</summary>
internal sealed class PageTables
{
    internal const ulong V = 1, R = 2, W = 4, X = 8, U = 16, G = 32, A = 64, D = 128;

    private const int PageBits = 12, IndexBits = 9;

    private readonly BareHart _hart;
    private readonly int _levels;
    private ulong _next = BareHart.Tables + (1 << PageBits);

    /// <summary>Creates an empty root.</summary>
    /// <param name="hart">Whose RAM holds the tables.</param>
    /// <param name="mode">Mode of satp: 8, 9 or 10.</param>
    internal PageTables(BareHart hart, int mode)
    {
        _hart = hart;
        _levels = mode - 5;
        Satp = ((ulong)mode << 60) | (BareHart.Tables >> PageBits);
        hart.State.Satp = Satp;
    }

    internal ulong Satp { get; }

    /// <summary>Maps RAM to its own address in gigapages, so that code and handlers go on running.</summary>
    internal PageTables MapRam(ulong bits = V | R | W | X | A | D)
    {
        Map(BareHart.Ram, BareHart.Ram, bits, level: 2);
        return this;
    }

    /// <summary>Maps one page; level 0 is 4 KiB, 1 is 2 MiB, 2 is 1 GiB.</summary>
    /// <returns>Physical address of the entry.</returns>
    internal ulong Map(ulong va, ulong pa, ulong bits, int level = 0)
    {
        ulong table = BareHart.Tables;
        for (int i = _levels - 1; i > level; i--)
        {
            ulong slot = Slot(table, va, i);
            if (_hart.Read(slot) == 0)
            {
                _hart.Write(slot, (_next >> PageBits << 10) | V);
                _next += 1 << PageBits;
            }
            table = _hart.Read(slot) >> 10 << PageBits;
        }
        ulong leaf = Slot(table, va, level);
        _hart.Write(leaf, (pa >> PageBits << 10) | bits);
        return leaf;
    }

    private static ulong Slot(ulong table, ulong va, int level) =>
        table + ((va >> (PageBits + (level * IndexBits)) & ((1UL << IndexBits) - 1)) * 8);
}
