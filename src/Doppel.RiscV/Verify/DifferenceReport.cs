using System.Globalization;
using System.Text;
using Doppel.Core.Diagnostics;
using Doppel.RiscV.Harts;
using Doppel.RiscV.Semantics;

namespace Doppel.RiscV.Verify;

/// <summary>What two engines made of the same instructions, for people. Thread contract: the hart's own thread.</summary>
internal sealed unsafe class DifferenceReport
{
    private readonly Hart _hart;
    private readonly LockStep _step;
    private readonly RiscVState _start, _translated, _interpreted;
    private readonly IReadOnlyList<(ulong Gpa, ulong Translated, ulong Interpreted)> _memory;
    private readonly List<int> _fields;
    private readonly long _count;

    /// <param name="hart">The hart.</param>
    /// <param name="step">A run whose results differ; the hart's state is the interpreter's.</param>
    internal DifferenceReport(Hart hart, LockStep step)
    {
        _hart = hart;
        _step = step;
        _start = step.Start;
        _translated = step.Translated;
        _interpreted = hart.Context->State;
        _memory = step.Memory;
        _fields = StateFields.Compare(_translated, _interpreted);
        _count = step.Count;
    }

    /// <summary>Number of the last instruction that, interpreted, changes one of the registers that differ; takes the run back.</summary>
    internal long LastWriter(LockStep step)
    {
        step.Rewind();
        Dictionary<int, long> last = [];
        for (long i = 0; i < _count; i++)
        {
            RiscVState before = _hart.Context->State;
            step.Advance(1);
            foreach (int field in StateFields.Compare(before, _hart.Context->State)) last[field] = i;
        }
        // The pc changes with every instruction: it tells something only if nothing else differs.
        IEnumerable<int> telling = _fields.Where(static f => f != 0).DefaultIfEmpty(0);
        return telling.Select(f => last.GetValueOrDefault(f, _count - 1)).DefaultIfEmpty(Math.Max(0, _count - 1)).Min();
    }

    /// <summary>Makes the report. The run was taken back.</summary>
    /// <param name="index">Number of the first instruction that differs, from the start of the run.</param>
    /// <param name="remark">How that was found.</param>
    /// <param name="unit">The unit's host code, its address and its quality.</param>
    internal EngineDifferenceException ToException(long index, string remark, (byte[] Code, ulong Address, string Quality) unit)
    {
        StringBuilder text = new();
        IReadOnlyList<(ulong Pc, string Text)> path = Walk(Math.Max(index + 1, Math.Min(_count, 64)));
        (ulong Pc, string Text) culprit = path.Count > index ? path[(int)index] : (_start.Pc, "?");
        Line(text, $"jit and interp differ on hart {_start.Mhartid} at pc {culprit.Pc:x16}: {culprit.Text}");
        Line(text, $"{remark}");
        Line(text, $"The unit ({unit.Quality ?? "unknown"}) begins at pc {_start.Pc:x16}, after {_step.StartTicks} instructions, in mode {_start.Privilege}.");
        Line(text, $"{"",-16} {"before",16} {"jit",16} {"interp",16}");
        foreach (int field in _fields)
        {
            ulong before = StateFields.Read(_start, field), translated = StateFields.Read(_translated, field);
            Line(text, $"{StateFields.NameOf(field),-16} {before:x16} {translated:x16} {StateFields.Read(_interpreted, field):x16}");
        }
        foreach ((ulong gpa, ulong translated, ulong interpreted) in _memory)
            Line(text, $"{$"[{gpa:x}]",-16} {"",16} {translated:x16} {interpreted:x16}");
        Line(text, $"Guest code as interpreted:");
        for (int i = 0; i < path.Count; i++) Line(text, $"{(i == index ? "=>" : "  ")} {path[i].Pc:x16}  {path[i].Text}");
        AppendState(text);
        return new EngineDifferenceException(text.ToString())
        {
            GuestAddress = culprit.Pc,
            HostCode = unit.Code ?? [],
            HostAddress = unit.Address,
        };
    }

    private void AppendState(StringBuilder text)
    {
        Line(text, $"State before the unit:");
        for (int i = 0; i < StateFields.Count; i++)
        {
            ulong value = StateFields.Read(_start, i);
            if (value != 0) Line(text, $"  {StateFields.NameOf(i),-16} {value:x16}");
        }
    }

    // The instructions that the interpreter runs, from the start; leaves the hart where they end.
    private List<(ulong Pc, string Text)> Walk(long count)
    {
        List<(ulong, string)> path = [];
        for (long i = 0; i < Math.Min(count, _count + 1); i++)
        {
            ulong pc = _hart.Context->State.Pc;
            path.Add((pc, Disassemble(pc)));
            _step.Advance(1);
        }
        return path;
    }

    private string Disassemble(ulong pc)
    {
        uint bits = _hart.Mmu.PeekInstruction(pc, 1);
        return InstructionText.Format(InstructionText.IsLong(bits) ? _hart.Mmu.PeekInstruction(pc, 2) : bits);
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
