using Doppel.IsaTests.Common;

namespace Doppel.IsaTests.Streams;

/// <summary>The shrinker on failures whose smallest form is known.</summary>
public sealed class ShrinkerTests
{
    [Fact]
    public void Shrink_FailureOfOneInstruction_LeavesThatInstruction()
    {
        Sequence failing = FindSequence(s => Names(s).Contains("mulhsu") && s.Items.Any(i => i is Loop));

        Sequence small = new Shrinker(all => [.. all.Select(s => Names(s).Contains("mulhsu"))]).Shrink(failing);

        Assert.Equal(["mulhsu"], Names(small));
        Assert.All(small.X.Skip(1).Concat(small.F), v => Assert.Equal(0UL, v));
    }

    [Fact]
    public void Shrink_FailureOfTwoInstructionsInOrder_KeepsBoth()
    {
        static bool Fails(Sequence s) => Names(s).SkipWhile(n => n != "fence").Contains("sub");
        Sequence failing = FindSequence(Fails);

        Sequence small = new Shrinker(all => [.. all.Select(Fails)]).Shrink(failing);

        Assert.Equal(["fence", "sub"], Names(small));
    }

    private static IEnumerable<string> Names(Sequence sequence) => Item.Flatten(sequence.Items).Select(s => s.Row.Name);

    private static Sequence FindSequence(Func<Sequence, bool> wanted)
    {
        var rng = new Rng(5);
        return Enumerable.Range(0, 100_000).Select(_ => SequenceGenerator.Generate(rng.Fork())).First(wanted);
    }
}
