using Doppel.Images;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>Firmware of other people, from Debian's packages.</summary>
public sealed class FirmwareTests
{
    private static readonly TimeSpan s_boot = TimeSpan.FromMinutes(5), s_reaction = TimeSpan.FromMinutes(2);

    [ToolFact(Tool.OpenSbiDynamic, "apt-get")]
    public Task OpenSbiDynamic_DebianBoots_AndRunsACommand() => BootThroughAsync(Tool.OpenSbiDynamic);

    [ToolFact(Tool.OpenSbiJump, "apt-get")]
    public Task OpenSbiJump_DebianBoots_AndRunsACommand() => BootThroughAsync(Tool.OpenSbiJump);

    [ToolFact(Tool.OpenSbiDynamic, Tool.UBoot, "mkfs.ext4", "apt-get")]
    public async Task UBoot_FromItsPrompt_BootsDebianFromADisk()
    {
        await DoppelCli.EnsureImageAsync();
        Image image = new ImageStore(Repository.ImageCache).Find("debian")!;
        using TemporaryFolder folder = new();
        VirtualMachineConfig config = new()
        {
            Firmware = FirmwareChoice.File(Tool.OpenSbiDynamic),
            KernelPath = Tool.UBoot,
            Disks = [new(await MakeBootDiskAsync(folder, image), ReadOnly: true)],
        };
        await using VirtualMachine machine = await VirtualMachine.StartAsync(config);
        await machine.Console.ExpectAsync("Hit any key to stop autoboot", s_boot);
        await machine.Console.WriteLineAsync("");
        await machine.Console.ExpectAsync("=> ", s_reaction);
        await CommandAsync(machine, "virtio scan");
        await CommandAsync(machine, "load virtio 0 $kernel_addr_r /kernel");
        await CommandAsync(machine, "load virtio 0 $ramdisk_addr_r /initrd");
        await CommandAsync(machine, "setenv bootargs console=ttyS0 earlycon=sbi");
        await machine.Console.WriteLineAsync("booti $kernel_addr_r $ramdisk_addr_r:$filesize $fdtcontroladdr");
        await machine.Console.ExpectAsync("Run /init as init process", s_boot);
        await machine.Console.ExpectAsync("# ", s_boot);
        await machine.Console.WriteLineAsync("poweroff");
        VirtualMachineExit exit = await machine.WaitForExitAsync().WaitAsync(s_boot);
        Assert.Equal((VirtualMachineExitReason.PowerOff, 0), (exit.Reason, exit.Status));
    }

    private static async Task BootThroughAsync(string firmware)
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "--bios", firmware, "--verbose", "--", "uname", "-m");
        Assert.True(result.Status == 0, result.ErrorText);
        Assert.Equal("riscv64\n", result.OutputText);
        Assert.Contains("OpenSBI v", result.ErrorText, StringComparison.Ordinal);
        Assert.Contains("SBI implementation ID=0x1 ", result.ErrorText, StringComparison.Ordinal);
    }

    private static async Task CommandAsync(VirtualMachine machine, string command)
    {
        await machine.Console.WriteLineAsync(command);
        await machine.Console.ExpectAsync("=> ", s_reaction);
    }

    private static async Task<string> MakeBootDiskAsync(TemporaryFolder folder, Image image)
    {
        string disk = folder.File("boot.img"), tree = folder.File("tree");
        Directory.CreateDirectory(tree);
        File.Copy(image.KernelPath, Path.Combine(tree, "kernel"));
        File.Copy(image.InitrdPath, Path.Combine(tree, "initrd"));
        await using (FileStream file = File.Create(disk)) file.SetLength(64 << 20);
        (int status, string output) = await Tool.RunAsync("mkfs.ext4", "-q", "-F", "-d", tree, disk);
        Assert.True(status == 0, output);
        return disk;
    }
}
