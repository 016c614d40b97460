using Doppel.Core.Diagnostics;
using Doppel.RiscV.Harts;
using Doppel.RiscV.Interpreter;

namespace Doppel.RiscV.Verify;

/// <summary>
/// Runs what generated code does once more by interpretation. Where the results differ, it goes back, looks for the first unit, then for the
/// first instruction that differs, and throws. Thread contract: the hart's own thread.
/// </summary>
internal sealed unsafe class Verifier
{
    private readonly Hart _hart;
    private readonly ITranslatedRunner _runner;
    private readonly LockStep _step;

    internal Verifier(Hart hart, InterpreterCore core, ITranslatedRunner runner)
    {
        _hart = hart;
        _runner = runner;
        _step = new LockStep(hart, core);
    }

    /// <summary>True while the place of a difference is looked for: the engine then does one unit at a time, and interprets nothing.</summary>
    internal bool IsSearching { get; private set; }

    /// <summary>Instructions verified so far.</summary>
    internal ulong Instructions { get; private set; }

    /// <summary>Generated code is about to be entered.</summary>
    internal void Begin()
    {
        if (!IsSearching && !_step.IsOpen) _step.Open();
    }

    /// <summary>Generated code was left, and the state is exact.</summary>
    /// <param name="interprets">True if the interpreter does the next instruction.</param>
    /// <exception cref="EngineDifferenceException">The interpreter gets another result.</exception>
    internal void End(bool interprets)
    {
        if (IsSearching || !_step.IsOpen) return;
        bool agrees = _step.Close(interprets);
        Instructions += (ulong)_step.Count;
        if (!agrees) throw Search();
    }

    /// <summary>The interpreter did the instruction that generated code has left to it.</summary>
    /// <exception cref="EngineDifferenceException">Generated code had raised floating-point flags that the instruction does not raise.</exception>
    internal void Interpreted()
    {
        uint missing = _step.OwedFlags & ~_hart.Context->State.Fflags;
        if (missing == 0) return;
        DifferenceReport report = new(_hart, _step);
        _step.Rewind();
        throw report.ToException(_step.Count, $"Generated code raised the flags 0x{missing:x}, which the instruction does not raise.", default);
    }

    private EngineDifferenceException Search()
    {
        IsSearching = true;
        long total = _step.Count;
        DifferenceReport whole = new(_hart, _step);
        ulong end = _step.StartTicks + (ulong)total;
        _step.Rewind();
        // One more than was counted, which may be one that generated code begins and leaves to the interpreter.
        while (_hart.Context->Ticks <= end)
        {
            _step.Open();
            (byte[] Code, ulong Address, string Quality) unit = _runner.Describe();
            _runner.RunUnit();
            if (!_step.Close(begunOne: true)) return SearchUnit(unit);
            if (_step.Count == 0) break;
        }
        return whole.ToException(0, $"It differs only when {total} instructions run in one go, so no single unit can be named.", default);
    }

    private EngineDifferenceException SearchUnit((byte[] Code, ulong Address, string Quality) unit)
    {
        long count = _step.Count;
        DifferenceReport report = new(_hart, _step);
        for (int length = 1; length <= count; length++)
        {
            _step.Rewind();
            _step.Open();
            _runner.RunPrefix(length);
            if (_step.Close(begunOne: true)) continue;
            long index = Math.Max(0, _step.Count - 1);
            DifferenceReport exact = new(_hart, _step);
            _step.Rewind();
            return exact.ToException(index, $"It is instruction {index + 1} of the unit, translated with what is before it.", unit);
        }
        long last = report.LastWriter(_step);
        _step.Rewind();
        return report.ToException(last, "Shorter translations agree; the instruction is the last that should have written what differs.", unit);
    }
}
