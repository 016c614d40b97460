using Doppel.IsaTests.Common;
using Doppel.IsaTests.Encoding;

namespace Doppel.IsaTests.Streams;

/// <summary>Chooses operands so that values flow from one instruction to the next and reserved registers are never written.</summary>
internal sealed class OperandChooser
{
    private readonly Rng _rng;
    private readonly int[] _hot;
    private uint _reserved;

    internal OperandChooser(Rng rng, int anchor, IReadOnlyDictionary<int, int> pointers)
    {
        _rng = rng;
        Anchor = anchor;
        Pointers = new Dictionary<int, int>(pointers) { [anchor] = Sequence.AnchorOffset };
        _reserved = (1u << anchor) | (1u << Sequence.LinkOf(anchor));
        foreach (int register in pointers.Keys) _reserved |= 1u << register;
        _hot = [.. Enumerable.Range(0, 7).Select(_ => 1 + rng.Below(31)), 8 + rng.Below(8), 8 + rng.Below(8)];
    }

    internal int Anchor { get; }

    /// <summary>Registers that point into the scratch memory, with their offset in it.</summary>
    internal IReadOnlyDictionary<int, int> Pointers { get; }

    internal bool IsFree(int register) => (_reserved >> register & 1) == 0;

    /// <summary>A register of the whole file that may be written.</summary>
    internal int Destination(bool zero = true)
    {
        int register;
        do register = _rng.Chance(50) ? _rng.Pick(_hot) : _rng.Below(32);
        while (!IsFree(register) || (register == 0 && !zero));
        return register;
    }

    internal int Source() => _rng.Chance(60) ? _rng.Pick(_hot) : _rng.Below(32);

    /// <summary>Values for all operands of an instruction.</summary>
    internal long[] Choose(Instruction row) => [.. row.Operands.Select(ChooseOne)];

    /// <summary>True if the instruction leaves the reserved registers alone.</summary>
    internal bool Allows(in Step step)
    {
        int destination = step.Row.Destination;
        if (step.Row.Kind == InstructionKind.StackAdjust && !IsFree(2)) return false;
        return destination < 0 || step.Row.Operands[destination].Class != OperandClass.X || IsFree((int)step.Values[destination]);
    }

    /// <summary>Makes something while one more register is reserved.</summary>
    internal Item Reserving(int register, Func<Item> make)
    {
        uint before = _reserved;
        _reserved |= 1u << register;
        Item item = make();
        _reserved = before;
        return item;
    }

    private long ChooseOne(Operand operand)
    {
        if (!operand.IsRegister) return OperandValues.Pick(operand, _rng);
        if (_rng.Chance(60))
        {
            int hot = _rng.Pick(_hot);
            if (operand.Takes(hot)) return hot;
        }
        return OperandValues.Pick(operand, _rng);
    }
}
