using Doppel.IsaTests.Common;
using Doppel.IsaTests.Harts;
using Doppel.IsaTests.Oracle;
using Doppel.IsaTests.Systems;

namespace Doppel.IsaTests.Streams;

/// <summary>What the guest computes does not depend on any optimisation of the translator: each is switched off alone.</summary>
public sealed class SwitchTests(SwitchTests.Reference reference) : IClassFixture<SwitchTests.Reference>
{
    private const ulong Seed = 20_260_311;

    public static TheoryData<string> SwitchedEngines => Engines.Switched;

    [Theory]
    [MemberData(nameof(SwitchedEngines))]
    public void Stream_OneOptimisationOff_LeavesTheSameRegistersAndMemory(string engine)
    {
        RunResult actual = new HartRunner(engine, paging: true).Run(reference.Program);

        Assert.True(actual.Failure is null, actual.Failure);
        Assert.Equal(reference.Expected.Blocks, actual.Blocks);
    }

    [Theory]
    [MemberData(nameof(SwitchedEngines))]
    public void Experiment_OneOptimisationOff_EndsInTheSameState(string engine)
    {
        string? failure = new SystemDifferential(new HartSystemRunner("interp"), new HartSystemRunner(engine)).Run(Seed, 300);

        Assert.True(failure is null, failure);
    }

    /// <summary>Streams and what the interpreter makes of them, which is compared with QEMU elsewhere.</summary>
    public sealed class Reference
    {
        private const int Sequences = 1_000;

        public Reference()
        {
            var rng = new Rng(Seed);
            Program = new SequenceProgram([.. Enumerable.Range(0, Sequences).Select(_ => SequenceGenerator.Generate(rng.Fork()))]);
            Expected = new HartRunner("interp", paging: true).Run(Program);
        }

        internal SequenceProgram Program { get; }

        internal RunResult Expected { get; }
    }
}
