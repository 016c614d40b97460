using Doppel.IsaTests.Common;
using Doppel.IsaTests.Encoding;

namespace Doppel.IsaTests.Streams;

/// <summary>
/// Makes sequences of 20 to 50 instructions that always end: every branch goes forward or closes a counted loop, every address lies in
/// the scratch memory, and no rounding mode is reserved. What is left is random, with a taste for the values at the borders.
/// </summary>
internal sealed class SequenceGenerator
{
    private const int MaxDepth = 2;

    // QEMU before 8.0 counts on into the upper word where the lower one is zero; directed tests have that case.
    private const string CountTrailingWord = "ctzw";

    private static readonly string[] s_integerExtensions = ["I", "M", "Zba", "Zbb", "Zbc", "Zbs", "C"];
    private static readonly Instruction[] s_integer =
        [.. Rows(InstructionKind.Compute, s_integerExtensions), .. Rows(InstructionKind.StackAdjust, s_integerExtensions)];
    private static readonly Instruction[] s_floating = Rows(InstructionKind.Compute, ["F", "D"]);
    private static readonly Instruction[] s_branches = Rows(InstructionKind.Branch, ["I", "C"]);
    private static readonly Instruction[] s_fences = Rows(InstructionKind.Fence, ["I", "Zihintpause", "Zifencei"]);

    private readonly Rng _rng;
    private readonly OperandChooser _operands;
    private readonly MemoryItems _memory;
    private readonly (int Weight, Func<Item> Make)[] _makers;
    private int _depth;
    private int _left;

    private SequenceGenerator(Rng rng, OperandChooser operands)
    {
        _rng = rng;
        _operands = operands;
        _memory = new MemoryItems(rng, operands);
        var csr = new CsrItems(rng, operands);
        _makers =
        [
            (36, () => Compute(s_integer)),
            (26, () => Compute(s_floating)),
            (14, _memory.Access),
            (4, _memory.IndexedAccess),
            (4, _memory.Atomic),
            (3, _memory.Reservation),
            (4, csr.FloatingControl),
            (1, () => Compute(s_fences)),
            (1, MakeCountTrailingWord),
            (3, MakeSkip),
            (1, MakeSkipIndirect),
            (1, MakeCall),
            (1, MakeLoop),
        ];
    }

    internal static Sequence Generate(Rng rng)
    {
        int anchor = 1 + rng.Below(31);
        int link = Sequence.LinkOf(anchor);
        Dictionary<int, int> pointers = [];
        if (rng.Chance(60) && anchor != 2 && link != 2) pointers[2] = rng.Below(8) * 8;
        int low = 8 + rng.Below(8);
        if (rng.Chance(60) && anchor != low && link != low) pointers[low] = rng.Below(128);
        var operands = new OperandChooser(rng, anchor, pointers);
        var generator = new SequenceGenerator(rng, operands) { _left = 20 + rng.Below(30) };
        List<Item> items = [];
        while (generator._left > 0) items.Add(generator.Next());
        var scratch = new byte[Sequence.ScratchBytes];
        for (int i = 0; i < scratch.Length; i += 8)
            BitConverter.TryWriteBytes(scratch.AsSpan(i), rng.Chance(50) ? SpecialValues.Integer(rng) : SpecialValues.Float(rng));
        return new Sequence
        {
            X = Fill(() => SpecialValues.Integer(rng)),
            F = Fill(() => SpecialValues.Float(rng)),
            Fcsr = (uint)(rng.Below(5) << 5 | rng.Below(32)),
            Scratch = scratch,
            Anchor = anchor,
            Pointers = pointers,
            Items = items,
        };
    }

    private static ulong[] Fill(Func<ulong> value) => [.. Enumerable.Range(0, 32).Select(_ => value())];

    private static Instruction[] Rows(InstructionKind kind, string[] extensions) =>
        [.. InstructionTable.All.Where(r => r.Kind == kind && r.Name != CountTrailingWord && extensions.Contains(r.Extension))];

    private Item Next()
    {
        int draw = _rng.Below(_makers.Sum(m => m.Weight));
        int index = 0;
        while (draw >= _makers[index].Weight) draw -= _makers[index++].Weight;
        Item item = _makers[index].Make();
        if (item.Children.Count == 0) _left -= item.Steps().Count();
        return item;
    }

    private Straight Compute(Instruction[] rows)
    {
        Step step;
        do
        {
            Instruction row = _rng.Pick(rows);
            step = new Step(row, _operands.Choose(row));
        }
        while (!_operands.Allows(step));
        return new Straight(step);
    }

    private Item MakeCountTrailingWord()
    {
        int source = _operands.Destination(zero: false);
        return new Straight(
            Step.Of("bseti", source, _operands.Source(), _rng.Below(32)), Step.Of(CountTrailingWord, _operands.Destination(), source));
    }

    private List<Item> Inside()
    {
        _depth++;
        List<Item> items = [];
        for (int n = 1 + _rng.Below(4); n > 0; n--) items.Add(_depth > MaxDepth ? Compute(s_integer) : Next());
        _depth--;
        _left -= 2;
        return items;
    }

    private Item MakeSkip()
    {
        List<Item> inside = Inside();
        switch (_rng.Below(5))
        {
            case 0: return new Skip(Step.Of("jal", _rng.Chance(50) ? 0 : _operands.Destination(), 0), inside);
            case 1: return new Skip(Step.Of("c.j", 0), inside);
        }
        Instruction row = _rng.Pick(s_branches);
        long[] values = _operands.Choose(row);
        values[^1] = 0;
        return new Skip(new Step(row, values), inside);
    }

    private Item MakeSkipIndirect()
    {
        List<Item> inside = Inside();
        int pointer = _operands.Destination(zero: false);
        bool compressed = _rng.Chance(50);
        // C.JALR links to x1, which may be reserved.
        int link = compressed ? (_operands.IsFree(1) && _rng.Chance(50) ? 1 : 0) : _operands.Destination();
        return new SkipIndirect(pointer, link, compressed, inside);
    }

    private Item MakeCall()
    {
        int link = _rng.Chance(60) && _operands.IsFree(1) ? 1 : _operands.Destination(zero: false);
        return _operands.Reserving(link, () => new Call(link, Inside()));
    }

    private Item MakeLoop()
    {
        int counter = _operands.Destination(zero: false);
        bool compressed = counter is >= 8 and <= 15 && _rng.Chance(70);
        int count = 1 + _rng.Below(8);
        return _operands.Reserving(counter, () => new Loop(counter, count, compressed, Inside()));
    }
}
