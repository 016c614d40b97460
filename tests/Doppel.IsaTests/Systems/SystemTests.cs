using System.Globalization;
using Doppel.IsaTests.Harts;
using Doppel.IsaTests.Oracle;

namespace Doppel.IsaTests.Systems;

/// <summary>
/// Random traps, page tables, protection, CSR accesses and returns on every engine, against QEMU's whole-machine emulator.
/// <c>DOPPEL_ISA_EXPERIMENTS</c> sets how many, <c>DOPPEL_ISA_SEED</c> repeats a run.
/// </summary>
public sealed class SystemTests
{
    private const int PerProgram = 4_000, DefaultExperiments = 12_000;
    private const ulong DefaultSeed = 20_211_203;

    public static TheoryData<string> EngineNames => Engines.Names;

    [QemuSystemTheory]
    [MemberData(nameof(EngineNames))]
    public void Experiment_Random_EndsInTheSameState(string engine)
    {
        ulong seed = Setting("DOPPEL_ISA_SEED", DefaultSeed);
        var differential = new SystemDifferential(new QemuSystemRunner(), new HartSystemRunner(engine));

        string? failure = Enumerable.Range(0, ((int)Setting("DOPPEL_ISA_EXPERIMENTS", DefaultExperiments) + PerProgram - 1) / PerProgram)
            .Select(i => differential.Run(seed + (ulong)i, PerProgram)).FirstOrDefault(f => f is not null);

        Assert.True(failure is null, failure);
    }

    private static ulong Setting(string name, ulong otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? ulong.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
