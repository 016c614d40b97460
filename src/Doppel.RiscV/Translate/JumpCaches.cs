using Doppel.RiscV.Context;
using Doppel.RiscV.Mmu;

namespace Doppel.RiscV.Translate;

/// <summary>
/// The tables in which generated code looks up indirect jumps: one for U-mode in each address space, one for S-mode, one for M-mode. Thread
/// contract: the hart's own thread, outside generated code.
/// </summary>
/// <param name="context">Context of the hart.</param>
/// <param name="empty">A table in which nothing is ever found, in the place of those that are not needed yet.</param>
internal sealed unsafe class JumpCaches(JitContext* context, JumpTable empty) : IDisposable
{
    /// <summary>Number of tables.</summary>
    internal const int Tables = AddressSpaces.Count + 2;

    private readonly JumpTable?[] _tables = new JumpTable?[Tables];
    private int _space;

    /// <summary>True to let every lookup miss.</summary>
    internal bool IsOff { get; init; }

    /// <summary>Number of the table of a mode: U, S or M from zero.</summary>
    internal static int TableOf(int space, int mode) => mode == 0 ? space : AddressSpaces.Count + mode - 1;

    /// <summary>Lets generated code look into the tables of an address space.</summary>
    internal void Select(int space)
    {
        ForgetReturns();
        _space = space;
        for (int mode = 0; mode < HartContext.Modes; mode++) context->Hart.JumpTables[mode] = (ulong)(_tables[TableOf(space, mode)] ?? empty).Entries;
    }

    internal void Fill(int table, ulong address, nint code)
    {
        if (!IsOff) Table(table).Fill(address, code);
    }

    internal nint Find(int table, ulong address) => _tables[table]?.Find(address) ?? 0;

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

    private JumpTable Table(int number)
    {
        if (_tables[number] is { } known) return known;
        JumpTable made = _tables[number] = new JumpTable();
        Select(_space);
        return made;
    }
}
