using Doppel.IsaTests.Common;
using Doppel.IsaTests.Encoding;

namespace Doppel.IsaTests.Streams;

/// <summary>Loads, stores and atomics that stay inside the scratch memory.</summary>
internal sealed class MemoryItems(Rng rng, OperandChooser operands)
{
    private static readonly Instruction[] s_accesses =
        [.. InstructionTable.All.Where(r => r.Kind is InstructionKind.Load or InstructionKind.Store)];

    private static readonly Instruction[] s_fullForms = [.. s_accesses.Where(r => r.Length == 4)];
    private static readonly Instruction[] s_amos = [.. InstructionTable.All.Where(r => r.Kind == InstructionKind.Amo)];
    private static readonly string[] s_between = ["addi", "xori", "andi", "addiw", "ori"];

    /// <summary>A load or store off a reserved pointer, at any alignment.</summary>
    internal Item Access()
    {
        while (true)
        {
            Instruction row = rng.Pick(s_accesses);
            long[] values = operands.Choose(row);
            if (TryAim(row, values) && operands.Allows(new Step(row, values))) return new Straight(new Step(row, values));
        }
    }

    /// <summary>A load or store whose address depends on data.</summary>
    internal Item IndexedAccess()
    {
        int pointer = operands.Destination(zero: false);
        Step[] address = [Step.Of("andi", pointer, operands.Source(), rng.Below(31) * 8), Step.Of("add", pointer, pointer, operands.Anchor)];
        while (true)
        {
            Instruction row = rng.Pick(s_fullForms);
            long[] values = operands.Choose(row);
            values[row.BaseOperand] = pointer;
            values[1] = rng.Below(9);
            if (operands.Allows(new Step(row, values))) return new Straight([.. address, new Step(row, values)]);
        }
    }

    /// <summary>An AMO at a naturally aligned address.</summary>
    internal Item Atomic()
    {
        Instruction row = rng.Pick(s_amos);
        Step address = AlignedAddress(out int pointer);
        long[] values = operands.Choose(row);
        values[1] = operands.Destination();
        values[^1] = pointer;
        return new Straight(address, new Step(row, values));
    }

    /// <summary>LR, perhaps arithmetic, and SC to the same place, which succeeds; or SC alone, which fails.</summary>
    internal Item Reservation()
    {
        string width = rng.Chance(50) ? "w" : "d";
        Step address = AlignedAddress(out int pointer);
        Step store = Step.Of($"sc.{width}", rng.Below(4), operands.Destination(), operands.Source(), pointer);
        if (rng.Chance(25)) return new Straight(address, store);
        int loaded;
        do loaded = operands.Destination();
        while (loaded == pointer);
        List<Step> code = [address, Step.Of($"lr.{width}", rng.Below(4), loaded, pointer)];
        // The manual's constrained loop lets base instructions stand in between; SC may then not fail for ever (8.3).
        for (int n = rng.Below(4); n > 0; n--) code.Add(Step.Of(rng.Pick(s_between), loaded, operands.Source(), rng.Between(-2048, 2047)));
        return new Straight([.. code, store]);
    }

    private Step AlignedAddress(out int pointer)
    {
        pointer = operands.Destination(zero: false);
        return Step.Of("addi", pointer, operands.Anchor, (rng.Below(Sequence.ScratchBytes / 8) * 8) - Sequence.AnchorOffset);
    }

    // Gives an access a base among the pointers and a distance that keeps eight bytes inside; false where this form can not.
    private bool TryAim(Instruction row, long[] values)
    {
        int register = row.UsesStackBase ? 2 : rng.Pick([.. operands.Pointers.Keys]);
        if (!operands.Pointers.TryGetValue(register, out int at)) return false;
        if (row.BaseOperand >= 0)
        {
            if (!row.Operands[row.BaseOperand].Takes(register)) return false;
            values[row.BaseOperand] = register;
        }
        int place = rng.Chance(70) ? rng.Below(Sequence.ScratchBytes / 8) * 8 : rng.Below(Sequence.ScratchBytes - 7);
        values[1] = place - at;
        return row.Operands[1].Takes(values[1]);
    }
}
