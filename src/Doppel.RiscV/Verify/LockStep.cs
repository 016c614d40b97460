using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;
using Doppel.RiscV.Interpreter;
using Doppel.RiscV.Mmu;

namespace Doppel.RiscV.Verify;

/// <summary>
/// One run of instructions by generated code, taken back, and done again by the interpreter, whose result stays. Such a run touches no
/// device: generated code leaves those instructions to the interpreter, between two runs. Thread contract: the hart's own thread.
/// </summary>
internal sealed unsafe class LockStep
{
    private const int MaxMemoryDifferences = 8;

    private readonly Hart _hart;
    private readonly InterpreterCore _core;
    private readonly StoreJournal _journal = new();
    private RiscVState _start, _translated;
    private ulong _startTicks;

    internal LockStep(Hart hart, InterpreterCore core)
    {
        _hart = hart;
        _core = core;
        hart.Mmu.Journal = _journal;
    }

    /// <summary>True between <see cref="Open"/> and <see cref="Close"/>.</summary>
    internal bool IsOpen => _journal.IsOpen;

    /// <summary>State before the run, and after it as generated code left it.</summary>
    internal ref readonly RiscVState Start => ref _start;

    internal ref readonly RiscVState Translated => ref _translated;

    /// <summary>Ticks before the run, and instructions of the run.</summary>
    internal ulong StartTicks => _startTicks;

    internal long Count { get; private set; }

    /// <summary>Where memory differs after the last run: address, translated, interpreted.</summary>
    internal IReadOnlyList<(ulong Gpa, ulong Translated, ulong Interpreted)> Memory { get; private set; } = [];

    /// <summary>Begins a run of generated code.</summary>
    internal void Open()
    {
        _start = _hart.Context->State;
        _startTicks = _hart.Context->Ticks;
        _journal.Open();
    }

    /// <summary>Accrued floating-point flags that the instruction which is left to the interpreter must raise.</summary>
    internal uint OwedFlags { get; private set; }

    /// <summary>Ends it, runs the interpreter over the same number of instructions, and compares.</summary>
    /// <param name="begunOne">
    /// True if generated code may have tried one more instruction before it left that to the interpreter: its flags are raised already.
    /// </param>
    /// <returns>True if the two agree.</returns>
    internal bool Close(bool begunOne)
    {
        HartContext* c = _hart.Context;
        Count = (long)(c->Ticks - _startTicks);
        _translated = c->State;
        _hart.Mmu.ForbidStoresAt(_journal.Addresses);
        _journal.TakeBack();
        Restore();
        Advance(Count);
        _hart.Mmu.ForbidStoresAt(_journal.Addresses);
        _journal.Close();
        _journal.KeepWalkerBits();
        Memory = _journal.Compare(MaxMemoryDifferences);
        // What was written to x0 is nowhere to be seen.
        c->State.X[32] = _translated.X[32] = 0;
        OwedFlags = begunOne ? _translated.Fflags & ~c->State.Fflags : 0;
        _translated.Fflags &= ~OwedFlags;
        return Memory.Count == 0 && StateFields.AreEqual(_translated, c->State);
    }

    /// <summary>Makes state and memory what they were before the last run.</summary>
    internal void Rewind()
    {
        _journal.Rewind();
        Restore();
    }

    /// <summary>Goes forward by interpretation.</summary>
    internal void Advance(long instructions)
    {
        HartContext* c = _hart.Context;
        ulong limit = c->TickLimit, end = c->Ticks + (ulong)instructions;
        c->TickLimit = end;
        c->Budget = instructions;
        while (c->Budget > 0 && c->State.Waiting == 0) _core.Run();
        c->TickLimit = limit;
        c->Budget = (long)(limit - end);
    }

    // Only what is derived from the state or from memory and would not follow by itself is worked out again.
    private void Restore()
    {
        HartContext* c = _hart.Context;
        c->Budget = (long)(c->TickLimit - _startTicks);
        bool moved = c->State.Satp != _start.Satp;
        bool remapped = _journal.HasWalkerWritten || moved || c->State.Menvcfg != _start.Menvcfg;
        c->State = _start;
        _hart.Mmu.ForgetTables();
        if (remapped)
        {
            _hart.Mmu.Pmp.Update();
            _hart.Mmu.FlushAll();
        }
        if (moved) _hart.Mmu.EnterSpace();
        _hart.Mmu.UpdateMode();
    }
}
