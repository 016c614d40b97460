namespace Doppel.IsaTests.Streams;

/// <summary>
/// Makes a failing sequence small: takes pieces away, unwraps nested ones, and clears registers, as long as what is left still fails.
/// </summary>
/// <param name="fails">For each of several sequences, whether it fails.</param>
internal sealed class Shrinker(Func<IReadOnlyList<Sequence>, bool[]> fails)
{
    private const int MaxRounds = 200;

    internal Sequence Shrink(Sequence failing)
    {
        for (int round = 0; round < MaxRounds; round++)
        {
            // Largest cuts first; all candidates of a round share one run of the oracle.
            Sequence[] candidates = [.. Candidates(failing)];
            if (candidates.Length == 0) return failing;
            int index = Array.IndexOf(fails(candidates), true);
            if (index < 0) return failing;
            failing = candidates[index];
        }
        return failing;
    }

    private static IEnumerable<Sequence> Candidates(Sequence sequence) =>
        ShrinkItems(sequence.Items).Select(items => sequence with { Items = items })
            .Concat(ClearRegisters(sequence));

    private static IEnumerable<IReadOnlyList<Item>> ShrinkItems(IReadOnlyList<Item> items)
    {
        for (int size = items.Count / 2; size > 0; size /= 2)
        {
            for (int at = 0; at < items.Count; at += size) yield return [.. items.Take(at), .. items.Skip(at + size)];
        }
        for (int i = 0; i < items.Count; i++)
        {
            foreach (IEnumerable<Item> smaller in ShrinkItem(items[i])) yield return [.. items.Take(i), .. smaller, .. items.Skip(i + 1)];
        }
    }

    private static IEnumerable<IEnumerable<Item>> ShrinkItem(Item item)
    {
        if (item.Children.Count > 0) yield return item.Children;
        foreach (IReadOnlyList<Item> children in ShrinkItems(item.Children)) yield return [item.With(children)];
        if (item is Loop { Count: > 1 } loop) yield return [loop with { Count = loop.Count - 1 }];
        // The parts of a piece may depend on each other (an address, then its use), so only its end is cut.
        if (item is Straight { Code.Length: > 1 } straight) yield return [new Straight(straight.Code[..^1])];
    }

    private static IEnumerable<Sequence> ClearRegisters(Sequence sequence)
    {
        if (sequence.Fcsr != 0) yield return sequence with { Fcsr = 0 };
        for (int i = 1; i < 32; i++)
        {
            if (sequence.X[i] != 0) yield return sequence with { X = Cleared(sequence.X, i) };
        }
        for (int i = 0; i < 32; i++)
        {
            if (sequence.F[i] != 0) yield return sequence with { F = Cleared(sequence.F, i) };
        }
    }

    private static ulong[] Cleared(ulong[] values, int index)
    {
        ulong[] copy = [.. values];
        copy[index] = 0;
        return copy;
    }
}
