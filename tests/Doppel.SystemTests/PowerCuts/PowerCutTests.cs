using System.Globalization;
using Doppel.SystemTests.Harness;
using Xunit.Abstractions;

namespace Doppel.SystemTests.PowerCuts;

/// <summary>
/// A machine is killed at any moment while its guest writes. What the guest was told is stable must be there in its next life, and file system,
/// image and database must be sound. A few cuts here; <c>./dev powercut ROUNDS</c> makes many, with a database too.
/// </summary>
public sealed class PowerCutTests(ITestOutputHelper output)
{
    private const string RoundsVariable = "DOPPEL_POWERCUT_ROUNDS", SeedVariable = "DOPPEL_POWERCUT_SEED";

    // One after the other, round by round.
    private static readonly string[] s_options =
        ["", ",cache=unsafe,queues=2", ",cache=none", ",cache=writethrough", ",detect-zeroes=unmap", ",cache=directsync"];

    /// <summary>Formats of the disk, and what the guest does.</summary>
    public static TheoryData<string, string> Loads
    {
        get
        {
            TheoryData<string, string> loads = new() { { "raw", "pages" }, { "qcow2", "pages" } };
            if (!PowerCutMachine.HasSqlite) return loads;
            loads.Add("raw", "wal");
            loads.Add("qcow2", "wal");
            loads.Add("qcow2", "delete");
            return loads;
        }
    }

    [ToolTheory("mkfs.ext4", "e2fsck", "apt-get", "riscv64-linux-gnu-gcc", "qemu-img")]
    [MemberData(nameof(Loads))]
    public async Task PowerCut_AtAnyMoment_LosesNothingThatWasStable(string format, string load)
    {
        int rounds = Number(RoundsVariable, 2), seed = Number(SeedVariable, 4);
        output.WriteLine($"{SeedVariable}={seed}, {rounds} rounds");
        Random random = new(seed);
        using PowerCutMachine machine = new(format, load);
        await machine.CreateAsync();
        for (int round = 0; round < rounds; round++)
        {
            output.WriteLine($"round {round}");
            await machine.CutAsync(s_options[round % s_options.Length], random.Next(1, 150), TimeSpan.FromMilliseconds(random.Next(40)));
        }
        await machine.CheckAsync();
    }

    private static int Number(string variable, int otherwise)
        => int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : otherwise;
}
