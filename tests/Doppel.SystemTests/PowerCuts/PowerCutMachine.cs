using System.Diagnostics;
using System.Globalization;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.PowerCuts;

/// <summary>
/// A disk with a file system and a program on it that writes and says what is stable, run in a machine that is killed in the middle; see load.c.
/// The folder lies in the working tree, because a folder for temporary files may be in memory.
/// </summary>
internal sealed class PowerCutMachine : IDisposable
{
    private const string DiskSize = "48M";

    /// <summary>Folder with sqlite3.h and libsqlite3.a for riscv64; set by <c>./dev powercut</c>.</summary>
    private const string SqliteVariable = "DOPPEL_POWERCUT_SQLITE";

    private readonly DirectoryInfo _folder = Directory.CreateDirectory(Path.Combine(Repository.Root, "artifacts", "powercut", $"{Guid.NewGuid():N}"));
    private readonly string _format;
    private readonly string _load;
    private long[] _reported = [0, 0, 0];

    internal PowerCutMachine(string format, string load)
    {
        _format = format;
        _load = load;
    }

    /// <summary>True if the program can work on a database too.</summary>
    internal static bool HasSqlite => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(SqliteVariable));

    private string Disk => Path.Combine(_folder.FullName, "disk." + _format);

    private string CheckMode => _load == "pages" ? "check" : "check-ledger";

    public void Dispose() => _folder.Delete(recursive: true);

    internal async Task CreateAsync()
    {
        await DoppelCli.EnsureImageAsync();
        string root = Directory.CreateDirectory(Path.Combine(_folder.FullName, "root")).FullName, raw = Path.Combine(_folder.FullName, "disk.raw");
        string source = Path.Combine(Repository.Root, "tests", "Doppel.SystemTests", "PowerCuts");
        string[] files = ["-o", Path.Combine(root, "load"), Path.Combine(source, "load.c"), .. SqliteArguments(source)];
        await NeedAsync("riscv64-linux-gnu-gcc", ["-O2", "-static", .. files]);
        // A page of a file is one block, so that nothing below has a reason to write only a part of it.
        await NeedAsync("mkfs.ext4", "-q", "-F", "-b", "4096", "-d", root, raw, DiskSize);
        if (_format != "raw") await NeedAsync("qemu-img", "convert", "-O", _format, raw, Disk);
    }

    /// <summary>Boots, has the program look at what the last life left, lets it write until it has reported so often, and kills the machine.</summary>
    internal async Task CutAsync(string options, int reports, TimeSpan more)
    {
        using Process process = Start(options, _load);
        Assert.Equal("verified", await process.StandardOutput.ReadLineAsync() ?? await process.StandardError.ReadToEndAsync());
        long[] reported = [0, 0, 0];
        for (int seen = 0; seen < reports && await process.StandardOutput.ReadLineAsync() is { } line; seen++) Note(line, reported);
        // Any moment will do; nothing depends on which.
        await Task.Delay(more);
        process.Kill();
        string rest = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        // The last line may be cut short.
        foreach (string line in rest.Split('\n')[..^1]) Note(line, reported);
        // A database goes on where it was, the pages begin anew.
        _reported = _load == "pages" ? reported : [Math.Max(_reported[0], reported[0]), 0, 0];
        await CheckFileSystemAsync();
    }

    /// <summary>Boots once more, only to look.</summary>
    internal async Task CheckAsync()
    {
        using Process process = Start("", CheckMode);
        string output = await process.StandardOutput.ReadToEndAsync(), error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(("verified\n", "", 0), (output, error, process.ExitCode));
    }

    // Of a copy: the guest is to replay the journal by itself.
    private async Task CheckFileSystemAsync()
    {
        string copy = Path.Combine(_folder.FullName, "copy");
        if (_format == "raw") File.Copy(Disk, copy, overwrite: true);
        else
        {
            (int leaks, string found) = await Tool.RunAsync("qemu-img", "check", "-f", _format, Disk);
            // Three is for clusters that nobody uses any more, which a crash may leave behind.
            Assert.True(leaks is 0 or 3, found);
            await NeedAsync("qemu-img", "convert", "-f", _format, "-O", "raw", Disk, copy);
        }
        (int status, string report) = await Tool.RunAsync("e2fsck", "-fp", copy);
        Assert.True(status is 0 or 1, report);
        await NeedAsync("e2fsck", "-fn", copy);
    }

    private Process Start(string options, string mode)
    {
        string[] numbers = [.. _reported.Select(static n => n.ToString(CultureInfo.InvariantCulture))];
        return DoppelCli.Start("run", "--disk", Disk + options, "--", "sh", "-c",
            $"mount -t ext4 /dev/vda /mnt && exec /mnt/load {mode} {string.Join(' ', numbers)}");
    }

    private static void Note(string line, long[] reported)
    {
        string[] words = line.Split(' ');
        Assert.True(words is ["p", _, _], line);
        reported[int.Parse(words[1], CultureInfo.InvariantCulture)] = long.Parse(words[2], CultureInfo.InvariantCulture);
    }

    private static string[] SqliteArguments(string source) => Environment.GetEnvironmentVariable(SqliteVariable) is { Length: > 0 } folder
        ? ["-DWITH_SQLITE", "-I", folder, Path.Combine(source, "ledger.c"), Path.Combine(folder, "libsqlite3.a"), "-lm", "-lpthread"] : [];

    private static async Task NeedAsync(string tool, params string[] arguments)
    {
        (int status, string output) = await Tool.RunAsync(tool, arguments);
        Assert.True(status == 0, $"{tool} {string.Join(' ', arguments)}: {status}: {output}");
    }
}
