using System.Diagnostics;
using System.Globalization;
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

    [ToolFact("mkfs.ext4", "e2fsck", "apt-get")]
    public async Task Disk_DoppelKilledInTheMiddleOfWrites_RecoversFromItsJournalAndKeepsWhatWasSynced()
    {
        using TemporaryFolder folder = new();
        string disk = await MakeDiskAsync(folder);
        int synced = await WriteUntilKilledAsync(disk);
        (int status, string report) = await Tool.RunAsync("e2fsck", "-fp", disk);
        Assert.True(status is 0 or 1, report);
        Assert.Contains("recovering journal", report, StringComparison.Ordinal);
        Assert.Equal(0, (await Tool.RunAsync("e2fsck", "-fn", disk)).Status);
        CliResult after = await OnDiskAsync(disk, $"{Mount} && for i in $(seq {synced}); do cmp /mnt/f$i /mnt/f1 || exit 9; done; echo all");
        Assert.Equal((0, "all\n"), (after.Status, after.OutputText));
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
    public async Task Disk_Several_KeepTheirOrder()
    {
        using TemporaryFolder folder = new();
        string[] disks = [folder.File("a"), folder.File("b"), folder.File("c")];
        foreach (string disk in disks) await File.WriteAllTextAsync(disk, Path.GetFileName(disk).PadRight(512));
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync(
            "run", "--disk", disks[0], "--disk", disks[1] + ",ro", "--disk", disks[2], "--", "sh", "-c", "for d in a b c; do head -c 1 /dev/vd$d; done");
        Assert.Equal("abc", result.OutputText);
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

    // The guest names each file only after sync has returned: those must survive.
    private static async Task<int> WriteUntilKilledAsync(string disk)
    {
        await DoppelCli.EnsureImageAsync();
        using Process process = DoppelCli.Start("run", "--disk", disk, "--", "sh", "-c",
            $"{Mount} && while :; do i=$((i + 1)); dd if=/dev/zero of=/mnt/f$i bs=16k count=4 2>/dev/null && sync && echo $i; done");
        int synced = 0;
        while (synced < 20 && await process.StandardOutput.ReadLineAsync() is { } line) synced = int.Parse(line, CultureInfo.InvariantCulture);
        process.Kill();
        string rest = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(20, synced);
        return synced + rest.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
    }
}
