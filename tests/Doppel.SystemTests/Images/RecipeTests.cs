using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Images;

/// <summary>Images that a file describes, and images of a root that somebody else has made.</summary>
public sealed class RecipeTests
{
    [ToolFact("apt-get", "unshare", "e2fsck")]
    public async Task Build_WithCopyRunAndSize_GivesAnImageThatHasAllOfIt()
    {
        await DoppelCli.EnsureRootImageAsync();
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(folder.File("app/data"));
        await File.WriteAllTextAsync(folder.File("app/main.py"), "import os; print(os.environ['GREETING'], open('/srv/app/data/list').read())");
        await File.WriteAllTextAsync(folder.File("app/data/list"), "one two");
        File.CreateSymbolicLink(folder.File("app/link"), "main.py");
        string file = folder.File("Doppelfile");
        await File.WriteAllTextAsync(file, """
            # An application on top of another image.
            FROM python
            SIZE 5G
            ENV GREETING="good day" PORT=80
            COPY app/ /srv/app/
            COPY app/main.py /usr/local/bin/
            RUN test "$PORT" = 80 && \
                chmod 755 /usr/local/bin/main.py && ip -br addr show eth0 | grep -o 10.0.2.15 >/srv/address
            """);
        CliResult built = await DoppelCli.RunAsync("image", "build", "-f", file, "--name", "recipe-test");
        Assert.True(built.Status == 0, built.ErrorText);
        CliResult run = await DoppelCli.RunAsync("run", "recipe-test", "--", "sh", "-c",
            "python3 /srv/app/link; cat /srv/address; stat -c '%U %a' /usr/local/bin/main.py /usr/local/bin; readlink /bin; expr $(df --output=size -m / | tail -1) / 4600");
        Assert.Equal("good day one two\n10.0.2.15\nroot 755\nroot 755\nusr/bin\n1\n", run.OutputText);
        await using (MachineShed shed = new())
        {
            await shed.DoAsync("run", "-d", "--name", "app", "recipe-test");
            Assert.Equal("good day 81\n", await shed.DoAsync("exec", "-e", "PORT=81", "app", "--", "sh", "-c", "echo $GREETING $PORT"));
        }
        Assert.Equal(0, (await Tool.RunAsync("e2fsck", "-fn", await DiskAsync("recipe-test"))).Status);
        CliResult again = await DoppelCli.RunAsync("image", "build", "-f", file, "--name", "recipe-test");
        Assert.EndsWith(", up to date\n", again.OutputText, StringComparison.Ordinal);
        Assert.DoesNotContain("booting", again.ErrorText, StringComparison.Ordinal);
        Assert.Equal(0, (await DoppelCli.RunAsync("image", "rm", "recipe-test")).Status);
    }

    [ToolFact("apt-get", "unshare")]
    public async Task Build_WithALineThatFails_NamesTheLineAndWhatTheGuestSaid()
    {
        await DoppelCli.EnsureRootImageAsync();
        using TemporaryFolder folder = new();
        string file = folder.File("Doppelfile");
        await File.WriteAllTextAsync(file, "FROM python\n\nRUN echo this is why >&2; exit 9\n");
        CliResult result = await DoppelCli.RunAsync("image", "build", "-f", file, "--name", "recipe-fails");
        Assert.Equal(125, result.Status);
        Assert.Contains($"{file}:3: RUN echo this is why >&2; exit 9 ended with status 9:\nthis is why", result.ErrorText, StringComparison.Ordinal);
        Assert.NotEqual(0, (await DoppelCli.RunAsync("image", "inspect", "recipe-fails")).Status);
    }

    [ToolFact("apt-get", "riscv64-linux-gnu-gcc", "e2fsck")]
    public async Task Import_OfARootOfOneProgram_RunsIt()
    {
        await DoppelCli.EnsureImageAsync();
        using TemporaryFolder folder = new();
        await MakeRootAsync(folder, "root.tar.gz");
        CliResult import = await DoppelCli.RunAsync("image", "import", folder.File("root.tar.gz"), "--name", "import-test", "--size", "512M");
        Assert.True(import.Status == 0, import.ErrorText);
        CliResult run = await DoppelCli.RunAsync("run", "import-test", "--", "/hello", "a b");
        Assert.Equal(("hello, a b\n", 3), (run.OutputText, run.Status));
        string disk = await DiskAsync("import-test");
        Assert.Equal(0, (await Tool.RunAsync("e2fsck", "-fn", disk)).Status);
        string owners = (await Tool.RunAsync("debugfs", "-R", "stat /owned", disk)).Output;
        Assert.Matches(@"Mode:\s+04750", owners);
        Assert.Matches(@"User:\s+1234\s+Group:\s+4321", owners);
        Assert.Equal(0, (await DoppelCli.RunAsync("image", "rm", "import-test")).Status);
    }

    [ToolFact("apt-get", "riscv64-linux-gnu-gcc")]
    public async Task Cache_WithADamagedDisk_IsNoticedAndMadeAgain()
    {
        await DoppelCli.EnsureImageAsync();
        using TemporaryFolder folder = new();
        await MakeRootAsync(folder, "damaged.tar.gz");
        string[] import = ["image", "import", folder.File("damaged.tar.gz"), "--name", "damage-test", "--size", "600M"];
        Assert.Equal(0, (await DoppelCli.RunAsync(import)).Status);
        string disk = await DiskAsync("damage-test");
        File.SetUnixFileMode(disk, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await using (FileStream file = File.OpenWrite(disk))
        {
            file.Position = 8 << 20;
            file.WriteByte(1);
        }
        CliResult check = await DoppelCli.RunAsync("image", "check", "damage-test");
        Assert.Equal(125, check.Status);
        Assert.Contains("doppel image rm damage-test", check.ErrorText, StringComparison.Ordinal);
        Assert.Equal(0, (await DoppelCli.RunAsync(import)).Status);
        Assert.Equal("damage-test: sound\n", (await DoppelCli.RunAsync("image", "check", "damage-test")).OutputText);
        Assert.Equal(0, (await DoppelCli.RunAsync("image", "rm", "damage-test")).Status);
        Assert.False(File.Exists(disk));
    }

    // A static program and nothing else: no shell, no folders.
    private static async Task MakeRootAsync(TemporaryFolder folder, string name)
    {
        string source = folder.File("hello.c");
        await File.WriteAllTextAsync(source, $"#include <stdio.h>\nint main(int n, char **words) {{ printf(\"hello, %s\\n\", words[1]); return 3; }} /* {name} */\n");
        (int status, string output) = await Tool.RunAsync("riscv64-linux-gnu-gcc", "-O1", "-static", "-s", source, "-o", folder.File("hello"));
        Assert.True(status == 0, output);
        await using FileStream file = File.Create(folder.File(name));
        await using GZipStream gzip = new(file, CompressionLevel.Fastest);
        await using TarWriter tar = new(gzip, TarEntryFormat.Pax);
        await tar.WriteEntryAsync(folder.File("hello"), "./hello");
        await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, "./owned") { Mode = UnixFileMode.SetUser | (UnixFileMode)0x1E8, Uid = 1234, Gid = 4321 });
    }

    private static async Task<string> DiskAsync(string image)
    {
        using JsonDocument document = JsonDocument.Parse((await DoppelCli.RunAsync("image", "inspect", image, "--json")).OutputText);
        return Path.Combine(Repository.ImageCache, "disks", document.RootElement.GetProperty("disk").GetProperty("digest").GetString() + ".raw");
    }
}
