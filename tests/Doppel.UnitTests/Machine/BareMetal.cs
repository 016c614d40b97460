using System.Diagnostics;

namespace Doppel.UnitTests.Machine;

/// <summary>Builds bare-metal programs with the GNU tools. A missing tool is a failure, not a skip.</summary>
internal sealed class BareMetal : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("doppel-bare-").FullName;

    /// <summary>Path of a file in a folder of this test's own.</summary>
    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <summary>Assembles and links a program.</summary>
    /// <param name="source">GNU assembler source; it begins at <c>_start</c>.</param>
    /// <param name="address">Where it is linked.</param>
    public string Build(string source, ulong address = 0x8000_0000)
    {
        string name = PathOf(Guid.NewGuid().ToString("N"));
        File.WriteAllText(name + ".S", ".globl _start\n" + source + "\n");
        Run("riscv64-linux-gnu-gcc", "-nostdlib", "-static", "-march=rv64gc", "-mabi=lp64d", "-Wl,--build-id=none", "-Wl,--no-relax", $"-Wl,-Ttext=0x{address:x}", "-o", name + ".elf", name + ".S");
        return name + ".elf";
    }

    /// <summary>The bytes of a program without its ELF file.</summary>
    public string BuildFlat(string source, ulong address = 0x8000_0000)
    {
        string elf = Build(source, address);
        Run("riscv64-linux-gnu-objcopy", "-O", "binary", elf, elf + ".bin");
        return elf + ".bin";
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void Run(string tool, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(tool, arguments) { RedirectStandardError = true })!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
    }
}
