using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Doppel.UnitTests.FloatingPoint;

/// <summary>
/// An outside authority on RISC-V floating point: a small C program, generated from the table of instructions, compiled for riscv64
/// and run by QEMU's user-mode emulator.
/// </summary>
internal sealed class FloatOracle : IDisposable
{
    private const string Compiler = "riscv64-linux-gnu-gcc";
    private const string Emulator = "qemu-riscv64";
    private readonly string _folder = Directory.CreateTempSubdirectory("doppel-float-").FullName;

    internal FloatOracle()
    {
        Assert.Null(Missing());
        string source = Path.Combine(_folder, "oracle.c");
        File.WriteAllText(source, Source());
        Execute(Compiler, "-static", "-O1", "-march=rv64gc", "-o", Path.Combine(_folder, "oracle"), source);
    }

    /// <summary>Which Debian packages would provide what this host lacks, or null if it lacks nothing.</summary>
    internal static string? Missing()
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        bool Has(string tool) => folders.Any(folder => File.Exists(Path.Combine(folder, tool)));
        string?[] packages = [Has(Compiler) ? null : "gcc-riscv64-linux-gnu", Has(Emulator) ? null : "qemu-user"];
        string missing = string.Join(' ', packages.Where(package => package is not null));
        return missing.Length == 0 ? null : $"needs the Debian packages: {missing}";
    }

    /// <summary>The outcomes of all cases, in order.</summary>
    internal FloatOutcome[] Run(ReadOnlySpan<FloatCase> cases)
    {
        ulong[] words = new ulong[cases.Length * 4];
        for (int i = 0; i < cases.Length; i++)
        {
            words[4 * i] = (uint)cases[i].Operation | ((ulong)(uint)cases[i].Rm << 32);
            words[(4 * i) + 1] = cases[i].A;
            words[(4 * i) + 2] = cases[i].B;
            words[(4 * i) + 3] = cases[i].C;
        }

        string input = Path.Combine(_folder, "in"), output = Path.Combine(_folder, "out");
        File.WriteAllBytes(input, MemoryMarshal.AsBytes<ulong>(words));
        Execute(Emulator, Path.Combine(_folder, "oracle"), input, output);
        ReadOnlySpan<ulong> answers = MemoryMarshal.Cast<byte, ulong>(File.ReadAllBytes(output));
        FloatOutcome[] outcomes = new FloatOutcome[cases.Length];
        Assert.Equal(outcomes.Length * 2, answers.Length);
        for (int i = 0; i < outcomes.Length; i++) outcomes[i] = new FloatOutcome(answers[2 * i], answers[(2 * i) + 1]);
        return outcomes;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void Execute(string file, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardError = true })!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{file} {string.Join(' ', arguments)}: {errors}");
    }

    private static string Source()
    {
        StringBuilder cases = new();
        for (int i = 0; i < FloatOperation.All.Length; i++)
        {
            FloatOperation operation = FloatOperation.All[i];
            List<string> inputs = [];
            if (operation.A != OperandKind.None) inputs.Add(operation.A == OperandKind.Integer ? "\"r\"(w[1])" : "\"f\"(f[1])");
            if (operation.B != OperandKind.None) inputs.Add("\"f\"(f[2])");
            if (operation.C != OperandKind.None) inputs.Add("\"f\"(f[3])");
            string operands = string.Concat(Enumerable.Range(1, inputs.Count).Select(n => $", %{n}"));
            string output = operation.ToInteger ? "\"=r\"(o[0])" : "\"=f\"(r)";
            string store = operation.ToInteger ? "" : " __builtin_memcpy(o, &r, 8);";
            cases.Append($"    case {i}: __asm__ volatile(\"{operation.Mnemonic} %0{operands}\" : {output} : {string.Join(", ", inputs)});{store} break;\n");
        }

        return """
            #include <stdint.h>
            #include <stdio.h>

            static void run(const uint64_t *w, uint64_t *o)
            {
                double f[4], r;
                __builtin_memcpy(f, w, 32);
                __asm__ volatile("fsrm %0\n\tfsflags zero" : : "r"(w[0] >> 32));
                switch ((uint32_t)w[0]) {
            %CASES%
                default: __builtin_trap();
                }
                __asm__ volatile("frflags %0" : "=r"(o[1]));
            }

            int main(int argc, char **argv)
            {
                FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
                uint64_t w[4], o[2];
                if (argc != 3 || !in || !out) return 1;
                while (fread(w, 8, 4, in) == 4) {
                    run(w, o);
                    if (fwrite(o, 8, 2, out) != 2) return 1;
                }
                return fclose(out) ? 1 : 0;
            }

            """.Replace("%CASES%", cases.ToString(), StringComparison.Ordinal);
    }
}

/// <summary>A test against the oracle: skipped where its tools are missing, except in CI, where that is a failure.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OracleFactAttribute : FactAttribute
{
    public OracleFactAttribute()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI"))) Skip = FloatOracle.Missing();
    }
}
