using System.Globalization;
using Doppel.Core.Execution;
using Doppel.IsaTests.Common;
using Doppel.IsaTests.Harts;
using Doppel.RiscV;
using Doppel.RiscV.Verify;
using Xunit.Abstractions;

namespace Doppel.IsaTests.Streams;

/// <summary>
/// Random programs with branches, loops, page faults, self-modifying code and interrupts: every engine is in the same state at the same
/// instruction count as the interpreter, whose instructions are compared with QEMU elsewhere. <c>DOPPEL_ISA_STORMS</c> sets how many programs
/// run, <c>DOPPEL_ISA_SEED</c> repeats a run.
/// </summary>
public sealed class StormTests(ITestOutputHelper output)
{
    private const int Chunks = 24, DefaultStorms = 12;
    private const ulong DefaultSeed = 20_260_417;

    // Not a divisor of anything that the engines count in.
    private const long ChunkTicks = 1_009;

    public static TheoryData<string> Translators => Engines.Translators;

    public static TheoryData<string> SwitchedEngines => Engines.Switched;

    [Theory]
    [MemberData(nameof(Translators))]
    public void Storm_Random_IsInTheSameStateAtTheSameInstructions(string engine)
    {
        ulong seed = Setting("DOPPEL_ISA_SEED", DefaultSeed);
        int storms = (int)Setting("DOPPEL_ISA_STORMS", DefaultStorms);
        output.WriteLine($"engine {engine}, seed {seed}: {storms} programs of {Chunks * ChunkTicks} instructions");

        string? failure = Enumerable.Range(0, storms).Select(i => Compare(engine, seed + (ulong)i)).FirstOrDefault(static f => f is not null);

        Assert.True(failure is null, failure);
    }

    [Theory]
    [MemberData(nameof(SwitchedEngines))]
    public void Storm_OneOptimisationOff_IsInTheSameState(string engine)
    {
        string? failure = Compare(engine, DefaultSeed) ?? Compare(engine, DefaultSeed + 1);

        Assert.True(failure is null, failure);
    }

    [Fact]
    public void Storm_Random_HasFaultsInterruptsAndChangedCode()
    {
        using var hart = new BareHart("jit-optimised");
        StormProgram.Place(hart, DefaultSeed);
        RiscVState state = default;

        for (int chunk = 0; chunk < Chunks; chunk++) Advance(hart, chunk, ref state);

        RiscV.Engines.RiscVStatistics statistics = hart.Vcpu.Statistics;
        Assert.True(StormProgram.Interrupts(hart) > 20, $"{StormProgram.Interrupts(hart)} interrupts");
        Assert.True(statistics.Exceptions[13] > 5 && statistics.Exceptions[15] > 5, $"{statistics.Exceptions[13]} and {statistics.Exceptions[15]} faults");
        Assert.True(statistics.CodeInvalidations > 0);
        Assert.True(statistics.Translation!.Regions > 0);
    }

    private static string? Compare(string engine, ulong seed)
    {
        using var reference = new BareHart("interp");
        using var subject = new BareHart(engine);
        StormProgram.Place(reference, seed);
        StormProgram.Place(subject, seed);
        RiscVState expected = default, actual = default;
        for (int chunk = 0; chunk < Chunks; chunk++)
        {
            Advance(reference, chunk, ref expected);
            Advance(subject, chunk, ref actual);
            if (Difference(reference, expected, subject, actual) is { } difference)
                return $"{engine}, seed {seed} (DOPPEL_ISA_SEED={seed} DOPPEL_ISA_STORMS=1), between instructions {chunk * ChunkTicks} and {(chunk + 1) * ChunkTicks}: {difference}";
        }
        return null;
    }

    // As the scheduler of instruction counts does it; now and then an interrupt comes from outside between two chunks.
    private static void Advance(BareHart hart, int chunk, ref RiscVState state)
    {
        if (chunk == 0)
        {
            hart.Time.InputArrived = hart.Vcpu.RequestExit;
            hart.Vcpu.Start(hart.State);
        }
        if (chunk % 3 == 2) hart.Vcpu.SetInterrupt(1, level: true);
        ulong end = (ulong)((chunk + 1) * ChunkTicks);
        while (hart.Vcpu.Ticks < end)
        {
            hart.Time.RunDue();
            hart.Vcpu.Run(new RunBudget(Math.Min((long)(end - hart.Vcpu.Ticks), hart.Time.TicksToNextEvent)));
        }
        hart.Vcpu.Save(ref state);
    }

    private static string? Difference(BareHart reference, in RiscVState expected, BareHart subject, in RiscVState actual)
    {
        if (reference.Vcpu.Ticks != subject.Vcpu.Ticks) return $"ticks {reference.Vcpu.Ticks} and {subject.Vcpu.Ticks}";
        foreach (int field in StateFields.Compare(expected, actual))
            return $"{StateFields.NameOf(field)}: {StateFields.Read(expected, field):x} and {StateFields.Read(actual, field):x} at pc {expected.Pc:x}";
        Assert.True(reference.Memory.TryGetReadSpan(BareHart.Ram, (int)BareHart.RamBytes, out ReadOnlySpan<byte> a));
        Assert.True(subject.Memory.TryGetReadSpan(BareHart.Ram, (int)BareHart.RamBytes, out ReadOnlySpan<byte> b));
        int same = a.CommonPrefixLength(b);
        return same == a.Length ? null : $"memory at {BareHart.Ram + (ulong)same:x}";
    }

    private static ulong Setting(string name, ulong otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? ulong.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
