using Doppel.IsaTests.Encoding;

namespace Doppel.IsaTests.Streams;

/// <summary>One instruction with its operand values.</summary>
internal readonly record struct Step(Instruction Row, params long[] Values)
{
    internal static Step Of(string name, params long[] values) => new(InstructionTable.Find(name), values);

    internal void Emit(List<byte> code)
    {
        uint word = Row.Encode(Values);
        for (int i = 0; i < Row.Length; i++) code.Add((byte)(word >> (8 * i)));
    }
}

/// <summary>
/// A piece of a sequence that stands on its own: whatever else of the sequence is taken away, it still runs to its end and leaves the
/// reserved registers as they are. That is what makes shrinking safe. All code is independent of its address.
/// </summary>
internal abstract record Item
{
    /// <summary>Pieces inside this one, in order.</summary>
    internal virtual IReadOnlyList<Item> Children => [];

    /// <summary>The same piece with other pieces inside.</summary>
    internal virtual Item With(IReadOnlyList<Item> children) => this;

    /// <summary>The instructions, branch distances filled in.</summary>
    internal abstract IEnumerable<Step> Steps();

    internal static IEnumerable<Step> Flatten(IEnumerable<Item> items) => items.SelectMany(i => i.Steps());

    private protected static int LengthOf(IEnumerable<Step> steps) => steps.Sum(s => s.Row.Length);
}

/// <summary>Instructions one after the other.</summary>
internal sealed record Straight(params Step[] Code) : Item
{
    internal override IEnumerable<Step> Steps() => Code;
}

/// <summary>A branch or jump forward over other pieces. The distance is the last operand.</summary>
internal sealed record Skip(Step Jump, IReadOnlyList<Item> Inside) : Item
{
    internal override IReadOnlyList<Item> Children => Inside;

    internal override Item With(IReadOnlyList<Item> children) => this with { Inside = children };

    internal override IEnumerable<Step> Steps()
    {
        Step[] inside = [.. Flatten(Inside)];
        long[] values = [.. Jump.Values];
        values[^1] = Jump.Row.Length + LengthOf(inside);
        return inside.Prepend(Jump with { Values = values });
    }
}

/// <summary>An indirect jump forward over other pieces: AUIPC makes the address.</summary>
/// <param name="Pointer">Register for the target address.</param>
/// <param name="Link">Register for the return address; x0 for none.</param>
/// <param name="Compressed">True for C.JR or C.JALR (which links to x1), with the whole address in the register.</param>
/// <param name="Inside">What is jumped over.</param>
internal sealed record SkipIndirect(int Pointer, int Link, bool Compressed, IReadOnlyList<Item> Inside) : Item
{
    internal override IReadOnlyList<Item> Children => Inside;

    internal override Item With(IReadOnlyList<Item> children) => this with { Inside = children };

    internal override IEnumerable<Step> Steps()
    {
        Step[] inside = [.. Flatten(Inside)];
        Step[] jump = Compressed
            ? [Step.Of("addi", Pointer, Pointer, 4 + 4 + 2 + LengthOf(inside)), Step.Of(Link == 0 ? "c.jr" : "c.jalr", Pointer)]
            : [Step.Of("jalr", Link, 4 + 4 + LengthOf(inside), Pointer)];
        return [Step.Of("auipc", Pointer, 0), .. jump, .. inside];
    }
}

/// <summary>A call to the pieces inside, which return through the link register.</summary>
internal sealed record Call(int Link, IReadOnlyList<Item> Inside) : Item
{
    internal override IReadOnlyList<Item> Children => Inside;

    internal override Item With(IReadOnlyList<Item> children) => this with { Inside = children };

    internal override IEnumerable<Step> Steps()
    {
        Step[] inside = [.. Flatten(Inside)];
        return [Step.Of("jal", Link, 8), Step.Of("jal", 0, 8 + LengthOf(inside)), .. inside, Step.Of("jalr", 0, 0, Link)];
    }
}

/// <summary>The pieces inside, a fixed number of times.</summary>
internal sealed record Loop(int Counter, int Count, bool Compressed, IReadOnlyList<Item> Inside) : Item
{
    internal override IReadOnlyList<Item> Children => Inside;

    internal override Item With(IReadOnlyList<Item> children) => this with { Inside = children };

    internal override IEnumerable<Step> Steps()
    {
        Step[] inside = [.. Flatten(Inside)];
        int back = LengthOf(inside) + (Compressed ? 2 : 4);
        Step[] close = Compressed
            ? [Step.Of("c.addi", Counter, -1), Step.Of("c.bnez", Counter, -back)]
            : [Step.Of("addi", Counter, Counter, -1), Step.Of("bne", Counter, 0, -back)];
        return [Step.Of("addi", Counter, 0, Count), .. inside, .. close];
    }
}
