using System.Text.Json;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>A writable ext4 disk, judged by e2fsck.</summary>
public sealed class DiskTests
{
    private const string Mount = "mount -t ext4 /dev/vda /mnt";

    [ToolFact("mkfs.ext4", "e2fsck", "apt-get")]
    public async Task Disk_FileWrittenInOneBoot_IsThereInTheNextAndTheFileSystemIsClean()
    {
        using TemporaryFolder folder = new();
        string disk = await MakeDiskAsync(folder);
        CliResult first = await OnDiskAsync(disk, $"{Mount} && echo kept >/mnt/file");
        Assert.Equal((0, ""), (first.Status, first.ErrorText));
        Assert.Equal(0, (await Tool.RunAsync("e2fsck", "-fn", disk)).Status);
        CliResult second = await OnDiskAsync(disk, $"{Mount} && cat /mnt/file");
        Assert.Equal((0, "kept\n"), (second.Status, second.OutputText));
        Assert.Equal(0, (await Tool.RunAsync("e2fsck", "-fn", disk)).Status);
    }

    [ToolFact("mkfs.ext4", "apt-get")]
    public async Task Disk_ReadOnly_RefusesWritesAndIsNotTouched()
    {
        using TemporaryFolder folder = new();
        string disk = await MakeDiskAsync(folder);
        byte[] before = await File.ReadAllBytesAsync(disk);
        CliResult result = await OnDiskAsync(disk + ",ro", "cat /sys/block/vda/ro; dd if=/dev/zero of=/dev/vda bs=4096 count=1 conv=fsync 2>/dev/null || echo refused");
        Assert.Equal("1\nrefused\n", result.OutputText);
        Assert.Equal(before, await File.ReadAllBytesAsync(disk));
    }

    [ToolFact("apt-get")]
    public async Task Disk_Several_KeepTheirOrderAndAreCountedEach()
    {
        using TemporaryFolder folder = new();
        string[] disks = [folder.File("a"), folder.File("b"), folder.File("c")];
        foreach (string disk in disks) await File.WriteAllTextAsync(disk, Path.GetFileName(disk).PadRight(512));
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync(
            "run", "--stats", "--json", "--disk", disks[0], "--disk", disks[1] + ",ro", "--disk", disks[2], "--", "sh", "-c", "for d in a b c; do head -c 1 /dev/vd$d; done");
        Assert.Equal("abc", result.OutputText);
        using JsonDocument statistics = JsonDocument.Parse(result.Error);
        JsonElement[] counts = [.. statistics.RootElement.GetProperty("disks").EnumerateArray()];
        Assert.Equal(disks, counts.Select(static c => c.GetProperty("path").GetString()));
        Assert.All(counts, static c => Assert.True(c.GetProperty("reads").GetProperty("bytes").GetInt64() >= 512));
        Assert.All(counts, static c => Assert.Equal(0, c.GetProperty("writes").GetProperty("requests").GetInt64()));
    }

    [ToolFact("mkfs.ext4", "e2fsck", "qemu-img", "apt-get")]
    public async Task Qcow2_WrittenByAGuest_IsCleanInsideAndOutside()
    {
        using TemporaryFolder folder = new();
        string raw = await MakeDiskAsync(folder), disk = folder.File("disk.qcow2");
        Assert.Equal(0, (await DoppelCli.RunAsync("disk", "convert", "-c", raw, disk)).Status);
        CliResult first = await OnDiskAsync(disk, $"{Mount} && for i in $(seq 40); do dd if=/dev/urandom of=/mnt/f$i bs=16k count=$i 2>/dev/null; done && rm /mnt/f1* && sync && fstrim /mnt && cat /mnt/f* | sha256sum && umount /mnt");
        Assert.Equal((0, ""), (first.Status, first.ErrorText));
        (int status, string report) = await Tool.RunAsync("qemu-img", "check", disk);
        Assert.True(status == 0, report);
        CliResult second = await OnDiskAsync(disk + ",snapshot=on", $"{Mount} && cat /mnt/f* | sha256sum && rm /mnt/f* && umount /mnt");
        Assert.Equal(first.OutputText, second.OutputText);
        Assert.Equal(0, (await Tool.RunAsync("qemu-img", "convert", "-O", "raw", disk, raw)).Status);
        Assert.Equal(0, (await Tool.RunAsync("e2fsck", "-fn", raw)).Status);
        CliResult third = await OnDiskAsync(raw, $"{Mount} && cat /mnt/f* | sha256sum");
        Assert.Equal(first.OutputText, third.OutputText);
    }

    [ToolFact("unshare", "qemu-img", "qemu-io", "apt-get")]
    public async Task Disk_HostIsFull_GuestWaitsAndGoesOnWhenThereIsSpace()
    {
        const string script = """
            mount -t tmpfs -o size=8m none "$1"
            dotnet "$0" disk create -o cluster_size=4k "$1/disk.qcow2" 64M
            (for i in $(seq 600); do grep -q 'the guest waits' "$2" && break; sleep 0.1; done; mount -o remount,size=80m "$1") &
            timeout 120 dotnet "$0" run --disk "$1/disk.qcow2" -- sh -c 'tr "\\0" A </dev/zero | dd of=/dev/vda bs=1M count=24 iflag=fullblock conv=fsync' 2>"$2"
            qemu-img check "$1/disk.qcow2"
            qemu-io -r -f qcow2 -c 'read -P 0x41 0 24M' "$1/disk.qcow2"
            """;
        using TemporaryFolder folder = new();
        string log = folder.File("log"), mount = folder.File("mount");
        Directory.CreateDirectory(mount);
        await File.WriteAllTextAsync(log, "");
        await DoppelCli.EnsureImageAsync();
        (int status, string output) = await Tool.RunAsync("unshare", "--user", "--map-root-user", "--mount", "env", $"DOPPEL_CACHE={Repository.ImageCache}",
            "sh", "-ec", script, DoppelCli.Assembly, mount, log);
        string said = await File.ReadAllTextAsync(log);
        Assert.True(status == 0, output + said);
        Assert.Contains("read 25165824/25165824 bytes", output, StringComparison.Ordinal);
        Assert.DoesNotContain("verification failed", output, StringComparison.Ordinal);
        Assert.Contains("No space left on device", said, StringComparison.Ordinal);
        Assert.Contains("there is space again", said, StringComparison.Ordinal);
    }

    [ToolFact("bash", "apt-get")]
    public async Task Disk_BeyondTheLimitOfFiles_IsAnErrorOfTheGuestAlone()
    {
        const string script = """
            truncate -s 1000G "$1"
            ulimit -f 300000000
            dotnet "$0" run --disk "$1" -- sh -c 'dd if=/dev/zero of=/dev/vda bs=4k count=1 seek=200000000 conv=fsync 2>/dev/null || echo refused'
            """;
        using TemporaryFolder folder = new();
        await DoppelCli.EnsureImageAsync();
        (int status, string output) = await Tool.RunAsync("env", $"DOPPEL_CACHE={Repository.ImageCache}", "bash", "-ec", script, DoppelCli.Assembly,
            folder.File("disk.img"));
        Assert.True(status == 0, output);
        Assert.Contains("refused", output, StringComparison.Ordinal);
        Assert.Contains("File too large (errno 27); the guest gets an input/output error", output, StringComparison.Ordinal);
    }

    [ToolFact("qemu-img", "qemu-io", "apt-get")]
    public async Task Pause_AfterWritesThatWereNotFlushed_LeavesACompleteImage()
    {
        await using MachineShed shed = new();
        string disk = shed.File("disk.qcow2");
        await shed.DoAsync("disk", "create", disk, "64M");
        await shed.StartAsync("busy", "--disk", disk);
        await shed.DoAsync("exec", "busy", "--", "sh", "-c", "tr '\\0' A </dev/zero | dd of=/dev/vda bs=64k count=200 iflag=fullblock oflag=direct 2>/dev/null");
        await shed.DoAsync("pause", "busy");
        (int status, string report) = await Tool.RunAsync("qemu-io", "-U", "-r", "-f", "qcow2", "-c", "read -P 0x41 0 13107200", disk);
        Assert.True(status == 0 && !report.Contains("failed", StringComparison.Ordinal), report);
        (status, report) = await Tool.RunAsync("qemu-img", "check", "-U", disk);
        Assert.True(status == 0, report);
        await shed.DoAsync("resume", "busy");
        await shed.DoAsync("exec", "busy", "--", "sync");
    }

    [ToolFact("mkfs.ext4", "apt-get")]
    public async Task Page_EveryCommand_Works()
    {
        await using MachineShed shed = new();

        string output = await DocumentationPage.RunAsync(shed, "disks.md", fewestBlocks: 6);

        Assert.Equal(["kept", "mine", "mine"], output.Split('\n').Where(static l => l is "kept" or "mine"));
        Assert.Contains("as it should be", output, StringComparison.Ordinal);
        Assert.Contains("backing file    data.qcow2", output, StringComparison.Ordinal);
        Assert.Contains("small.qcow2: no problems", output, StringComparison.Ordinal);
        Assert.Contains("small.qcow2: 7 GiB", output, StringComparison.Ordinal);
        Assert.Contains("\"virtual-size\": 7516192768", output, StringComparison.Ordinal);
    }

    [ToolFact("apt-get")]
    public async Task Disk_Options_AreWhatTheGuestSees()
    {
        using TemporaryFolder folder = new();
        string first = folder.File("a"), second = folder.File("b");
        foreach (string disk in new[] { first, second }) await File.WriteAllBytesAsync(disk, new byte[1 << 20]);
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync(
            "run", "--cpus", "2", "--disk", first + ",serial=S-1,queues=2,cache=writethrough,discard=ignore", "--disk", second, "--", "sh", "-c",
            "for d in a b; do cd /sys/block/vd$d; echo $(cat serial) $(cat queue/write_cache queue/discard_max_bytes queue/physical_block_size; ls mq | wc -l); done");
        Assert.Equal("S-1 write through 0 4096 2\ndoppel-1 write back 2147483648 4096 1\n", result.OutputText);
    }

    private static async Task<string> MakeDiskAsync(TemporaryFolder folder)
    {
        string disk = folder.File("disk.img");
        await using (FileStream file = File.Create(disk)) file.SetLength(48 << 20);
        (int status, string output) = await Tool.RunAsync("mkfs.ext4", "-q", "-F", disk);
        Assert.True(status == 0, output);
        return disk;
    }

    private static async Task<CliResult> OnDiskAsync(string disk, string script)
    {
        await DoppelCli.EnsureImageAsync();
        return await DoppelCli.RunAsync("run", "--disk", disk, "--", "sh", "-c", script);
    }
}
