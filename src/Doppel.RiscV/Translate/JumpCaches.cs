using Doppel.RiscV.Mmu;

namespace Doppel.RiscV.Translate;

/// <summary>
/// The tables in which generated code looks up indirect jumps: one for U-mode in each address space, one for S-mode, one for M-mode. Thread
/// contract: the hart's own thread, outside generated code.
/// </summary>
internal sealed unsafe class JumpCaches(JitContext* context) : IDisposable
{
    /// <summary>Number of tables.</summary>
    internal const int Tables = AddressSpaces.Count + 2;

    private readonly JumpTable?[] _tables = new JumpTable?[Tables];

    /// <summary>True to let every lookup miss.</summary>
    internal bool IsOff { get; init; }

    /// <summary>Number of the table of a mode: U, S or M from zero.</summary>
    internal static int TableOf(int space, int mode) => mode == 0 ? space : AddressSpaces.Count + mode - 1;

    /// <summary>Lets generated code look into the tables of an address space.</summary>
    internal void Select(int space)
    {
        ForgetReturns();
        for (int mode = 0; mode < JitContext.Modes; mode++) context->JumpTables[mode] = (ulong)Table(TableOf(space, mode)).Entries;
    }

    internal void Fill(int table, ulong address, nint code)
    {
        if (!IsOff) Table(table).Fill(address, code);
    }

    internal nint Find(int table, ulong address) => Table(table).Find(address);

    /// <summary>Lets entries for code lead to what takes its place.</summary>
    internal void Replace(nint before, nint now)
    {
        foreach (JumpTable? table in _tables) table?.Replace(before, now);
    }

    /// <summary>Drops what is for the page of an address.</summary>
    internal void Drop(ulong address)
    {
        ForgetReturns();
        foreach (JumpTable? table in _tables) table?.Drop(address);
    }

    internal void Clear(int table)
    {
        ForgetReturns();
        _tables[table]?.Clear();
    }

    /// <summary>Empties all tables, at a cost that goes with what they hold.</summary>
    internal void Clear()
    {
        ForgetReturns();
        foreach (JumpTable? table in _tables) table?.Clear();
    }

    /// <summary>Notes which physical page follows a page of code.</summary>
    internal void FillNextPage(int table, ulong codePage, ulong next) => Table(table).FillNextPage(codePage, next);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (JumpTable? table in _tables) table?.Dispose();
    }

    // Calls that wait for their return are entries, too.
    private void ForgetReturns() => context->Frame.ReturnsStale = 1;

    private JumpTable Table(int number) => _tables[number] ??= new JumpTable();
}
