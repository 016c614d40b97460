using System.Globalization;
using Doppel.IsaTests.Harts;
using Doppel.IsaTests.Oracle;
using Xunit.Abstractions;

namespace Doppel.IsaTests.Streams;

/// <summary>
/// Random instruction streams on every engine, register for register against QEMU's user-mode emulator.
/// <c>DOPPEL_ISA_INSTRUCTIONS</c> sets how many instructions are compared, <c>DOPPEL_ISA_SEED</c> repeats a run.
/// </summary>
public sealed class StreamTests(ITestOutputHelper output)
{
    private const long DefaultInstructions = 1_000_000;
    private const ulong DefaultSeed = 20_240_411;

    public static TheoryData<string> EngineNames => Engines.Names;

    [QemuUserTheory]
    [MemberData(nameof(EngineNames))]
    public void Stream_Random_LeavesTheSameRegistersAndMemory(string engine) => Compare(engine, paging: false, DefaultInstructions);

    [QemuUserTheory]
    [MemberData(nameof(EngineNames))]
    public void Stream_RandomUnderPaging_LeavesTheSameRegistersAndMemory(string engine) => Compare(engine, paging: true, DefaultInstructions / 4);

    private void Compare(string engine, bool paging, long instructions)
    {
        ulong seed = Setting("DOPPEL_ISA_SEED", DefaultSeed);
        var differential = new Differential(new QemuUserRunner(), new HartRunner(engine, paging));

        string? failure = differential.Run(seed, (long)Setting("DOPPEL_ISA_INSTRUCTIONS", (ulong)instructions));

        output.WriteLine($"engine {engine}, seed {seed}: {differential.Instructions} instructions compared");
        Assert.True(failure is null, failure);
    }

    private static ulong Setting(string name, ulong otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? ulong.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
