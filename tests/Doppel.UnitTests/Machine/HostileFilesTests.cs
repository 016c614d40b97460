using Doppel.Boards;
using Doppel.Boot.DeviceTrees;
using Doppel.UnitTests.Boot;

namespace Doppel.UnitTests.Machine;

/// <summary>Whole machines from files that are wrong: a clear error or a machine that can be stopped, and nothing else.</summary>
public sealed class HostileFilesTests : IDisposable
{
    private readonly BareMetal _tools = new();

    public void Dispose() => _tools.Dispose();

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task Kernel_ElfChangedAtRandom_StartsOrIsRefusedWithItsName(int seed)
    {
        byte[] elf = await File.ReadAllBytesAsync(_tools.Build(Programs.ToHost));

        await TryAllAsync(elf, seed, "--kernel", path => Config() with { KernelPath = path });
    }

    [Fact]
    public async Task Firmware_ElfChangedAtRandom_StartsOrIsRefusedWithItsName()
    {
        byte[] elf = await File.ReadAllBytesAsync("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf");

        await TryAllAsync(elf, 13, "--bios", path => Config() with { Firmware = FirmwareChoice.File(path) });
    }

    [Fact]
    public async Task DeviceTree_ChangedAtRandom_StartsOrIsRefusedWithItsName()
    {
        byte[] blob = DeviceTreeWriter.Write(RiscVVirtDeviceTree.Create(64 << 20, 1, new byte[32]));
        string kernel = _tools.Build(Programs.Spin);

        await TryAllAsync(blob, 14, "--dtb", path => Config() with { KernelPath = kernel, DeviceTreePath = path });
    }

    [Theory]
    [InlineData("--initrd")]
    [InlineData("--disk")]
    [InlineData("--dtb")]
    [InlineData("--bios")]
    public async Task File_Missing_IsNamedWithItsOption(string option)
    {
        string missing = _tools.PathOf("missing");
        VirtualMachineConfig config = Config() with { KernelPath = _tools.Build(Programs.Spin) };
        Dictionary<string, VirtualMachineConfig> configs = new(StringComparer.Ordinal)
        {
            ["--initrd"] = config with { InitrdPath = missing },
            ["--disk"] = config with { Disks = [new DiskConfig(missing)] },
            ["--dtb"] = config with { DeviceTreePath = missing },
            ["--bios"] = config with { Firmware = FirmwareChoice.File(missing) },
        };

        VirtualMachineException error = await Assert.ThrowsAsync<VirtualMachineException>(() => VirtualMachine.StartAsync(configs[option]));

        Assert.Contains(option, error.Message, StringComparison.Ordinal);
        Assert.Contains(missing, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Initrd_LargerThanRam_IsRefusedWithAdvice()
    {
        string initrd = _tools.PathOf("initrd");
        await using (FileStream file = File.Create(initrd)) file.SetLength(100 << 20);

        VirtualMachineException error = await Assert.ThrowsAsync<VirtualMachineException>(
            () => VirtualMachine.StartAsync(Config() with { KernelPath = _tools.Build(Programs.Spin), InitrdPath = initrd }));

        Assert.Contains("give at least --memory", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disk_OfAnySize_StartsOrIsRefused()
    {
        string kernel = _tools.Build(Programs.ToHost), disk = _tools.PathOf("disk.img");
        int outcomes = 0;
        foreach (int size in (int[])[0, 1, 511, 512, 513, 4095, 4096, 1 << 20])
        {
            await File.WriteAllBytesAsync(disk, new byte[size]);
            outcomes += await StartAsync(Config() with { KernelPath = kernel, Disks = [new DiskConfig(disk)] }, "--disk");
        }

        Assert.Equal(8, outcomes);
    }

    private static VirtualMachineConfig Config() => new() { Firmware = FirmwareChoice.None, MemoryBytes = 64 << 20, Engine = "interp" };

    private async Task TryAllAsync(byte[] original, int seed, string option, Func<string, VirtualMachineConfig> configure)
    {
        const int cases = 150;
        int outcomes = 0;
        string path = _tools.PathOf("hostile");
        foreach (byte[] bytes in Fuzz.Changed(original, seed, cases))
        {
            await File.WriteAllBytesAsync(path, bytes);
            outcomes += await StartAsync(configure(path), option);
        }

        Assert.Equal(cases, outcomes);
    }

    // One outcome either way; an exception of any other kind escapes.
    private static async Task<int> StartAsync(VirtualMachineConfig config, string option)
    {
        try
        {
            await using VirtualMachine vm = await VirtualMachine.StartAsync(config);
            return 1;
        }
        catch (VirtualMachineException e)
        {
            Assert.Contains(option, e.Message, StringComparison.Ordinal);
            return 1;
        }
    }
}
