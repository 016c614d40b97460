using Doppel.IsaTests.Common;
using Doppel.IsaTests.Oracle;

namespace Doppel.IsaTests.Streams;

/// <summary>The generator itself: what it promises must hold before its sequences can accuse anyone.</summary>
public sealed class SequenceGeneratorTests
{
    [Fact]
    public void Generate_SameSeed_GivesTheSameCode()
    {
        Sequence[] first = Make(99, 50), second = Make(99, 50);
        Assert.Equal(first.Select(s => Convert.ToHexString(s.Encode())), second.Select(s => Convert.ToHexString(s.Encode())));
        Assert.Equal(first.SelectMany(s => s.X), second.SelectMany(s => s.X));
    }

    [Fact]
    public void Generate_ManySequences_UsesEveryInstructionOfTheOracle()
    {
        string[] notInStreams = ["ecall", "ebreak", "c.ebreak", "mret", "sret", "wfi", "czero.eqz", "czero.nez"];
        IEnumerable<string> expected = Encoding.InstructionTable.All
            .Where(r => r.Kind is not (Encoding.InstructionKind.System or Encoding.InstructionKind.CacheBlock))
            .Select(r => r.Name).Except(notInStreams);
        HashSet<string> seen = [.. Make(7, 3000).SelectMany(s => Item.Flatten(s.Items)).Select(s => s.Row.Name)];
        Assert.Empty(expected.Except(seen));
    }

    [QemuUserFact]
    public void Oracle_SameProgramTwice_GivesTheSameBlocks()
    {
        var program = new SequenceProgram(Make(3, 500));
        var oracle = new QemuUserRunner();
        Assert.Equal(oracle.Run(program).Blocks, oracle.Run(program).Blocks);
    }

    private static Sequence[] Make(ulong seed, int count)
    {
        var rng = new Rng(seed);
        return [.. Enumerable.Range(0, count).Select(_ => SequenceGenerator.Generate(rng.Fork()))];
    }
}
