using System.Globalization;
using Doppel.GuestBench.Cases;
using Doppel.GuestBench.Running;

namespace Doppel.GuestBench;

/// <summary>What was asked for on the command line.</summary>
internal sealed record BenchOptions
{
    public const string Usage = """
        usage: ./dev bench guest [OPTIONS]

        Runs the same Debian programs on the same kernel and disk under several engines, alternating, and compares processor seconds.

          --engines LIST    of qemu,jit,interp,native [default: qemu,jit,native]
          --case LIST       only these cases
          --repeat N        repetitions [default: 3]
          --quick           one repetition of half of the cases, about three minutes
          --output FOLDER   where guest.json and guest.svg go [default: artifacts/bench/guest/results]
          --soak MINUTES    run the cases over and over on jit for this time, and compare what they print with the first round; with
                            other engines in --engines, with theirs. `./dev soak` is short for it
          --smp             run each case twice at the same time, in guests with one and two processors, and compare the time on the
                            clock. `./dev bench smp` is short for it
          --list            names the cases

        Needs apt, qemu-system-misc, gcc, gcc-riscv64-linux-gnu, libc6-dev-riscv64-cross and e2fsprogs of Debian or a relative.
        """;

    public required IReadOnlyList<EngineKind> Engines { get; init; }

    public required IReadOnlyList<BenchCase> Cases { get; init; }

    public int Repetitions { get; init; } = 3;

    public string? Output { get; init; }

    /// <summary>How long to soak; null for a benchmark.</summary>
    public TimeSpan? Soak { get; init; }

    /// <summary>True to measure what a second processor gains.</summary>
    public bool Smp { get; init; }

    public bool ListOnly { get; init; }

    public bool HelpOnly { get; init; }

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="BenchException">One is not understood.</exception>
    public static BenchOptions Parse(IReadOnlyList<string> arguments)
    {
        string? engines = null, cases = null, output = null;
        int? repetitions = null;
        TimeSpan? soak = null;
        bool quick = false, smp = false, list = false, help = false;
        for (int i = 0; i < arguments.Count; i++)
        {
            string Value() => ++i < arguments.Count ? arguments[i] : throw new BenchException($"{arguments[^1]} needs a value");
            switch (arguments[i])
            {
                case "--engines": engines = Value(); break;
                case "--case" or "--cases": cases = Value(); break;
                case "--repeat": repetitions = ParseCount(Value()); break;
                case "--soak": soak = ParseMinutes(Value()); break;
                case "--output": output = Value(); break;
                case "--quick": quick = true; break;
                case "--smp": smp = true; break;
                case "--list": list = true; break;
                case "--help" or "-h": help = true; break;
                default: throw new BenchException($"{arguments[i]}: not an option\n{Usage}");
            }
        }
        return new BenchOptions
        {
            Engines = [.. Words(engines ?? (soak is not null ? "jit" : smp ? "qemu,jit" : "qemu,jit,native")).Select(ParseEngine).Distinct()],
            Cases = cases is null ? [.. (smp ? CaseTable.Parallel : CaseTable.All).Where(c => !quick || c.IsQuick)] : [.. Words(cases).Select(ParseCase).Distinct()],
            Repetitions = repetitions ?? (quick ? 1 : 3),
            Output = output,
            Soak = soak,
            Smp = smp,
            ListOnly = list,
            HelpOnly = help,
        };
    }

    private static string[] Words(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static int ParseCount(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0
            ? count
            : throw new BenchException($"--repeat {text}: not a count");

    private static TimeSpan ParseMinutes(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double minutes)
            ? TimeSpan.FromMinutes(minutes)
            : throw new BenchException($"--soak {text}: not a number of minutes");

    private static EngineKind ParseEngine(string text) =>
        Enum.TryParse(text, ignoreCase: true, out EngineKind engine) && !char.IsAsciiDigit(text[0])
            ? engine
            : throw new BenchException($"--engines {text}: an engine is qemu, jit, interp or native");

    private static BenchCase ParseCase(string text) => CaseTable.Everything.FirstOrDefault(c => c.Name == text)
        ?? throw new BenchException($"--case {text}: the cases are {string.Join(", ", CaseTable.Everything.Select(c => c.Name))}");
}
