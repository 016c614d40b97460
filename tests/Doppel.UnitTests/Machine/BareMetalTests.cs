using System.Buffers.Binary;
using Doppel.Boot.DeviceTrees;
using Doppel.UnitTests.Boot;

namespace Doppel.UnitTests.Machine;

public sealed class BareMetalTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    private readonly BareMetal _tools = new();

    public void Dispose() => _tools.Dispose();

    [Fact]
    public async Task Hello_ElfWithoutFirmware_PrintsAndPowersOff()
    {
        (string output, VirtualMachineExit exit) = await RunAsync(Bare(_tools.Build(Programs.Hello)));

        Assert.Equal("hello from bare metal\n", output);
        Assert.Equal(new VirtualMachineExit(VirtualMachineExitReason.PowerOff), exit);
    }

    [Fact]
    public async Task Hello_FlatBinaryOnFourHarts_PrintsOnce()
    {
        (string output, _) = await RunAsync(Bare(_tools.BuildFlat(Programs.Hello)) with { Cpus = 4 });

        Assert.Equal("hello from bare metal\n", output);
    }

    [Fact]
    public async Task Hello_AsFirmwareFile_IsEnteredInMachineMode()
    {
        VirtualMachineConfig config = new() { MemoryBytes = 64 << 20, Firmware = FirmwareChoice.File(_tools.BuildFlat(Programs.Hello)) };

        (string output, _) = await RunAsync(config);

        Assert.Equal("hello from bare metal\n", output);
    }

    [Theory]
    [InlineData("interp", TimePolicy.RealTime)]
    [InlineData("interp", TimePolicy.InstructionCount)]
    [InlineData("jit", TimePolicy.RealTime)]
    [InlineData("jit", TimePolicy.InstructionCount)]
    public async Task MachineTime_Written_IsWhatHartsReadAndCompareWith(string engine, TimePolicy time)
    {
        (_, VirtualMachineExit exit) = await RunAsync(Bare(_tools.Build(Programs.SetsTheTime)) with { Engine = engine, Time = time });

        Assert.Equal(new VirtualMachineExit(VirtualMachineExitReason.PowerOff), exit);
    }

    [Theory]
    [InlineData("interp")]
    [InlineData("jit")]
    public async Task ToHost_OddPayload_EndsAtThatStoreWithItsStatus(string engine)
    {
        (_, VirtualMachineExit exit) = await RunAsync(Bare(_tools.Build(Programs.ToHost)) with { Engine = engine });

        Assert.Equal(new VirtualMachineExit(VirtualMachineExitReason.GuestExit, 42), exit);
    }

    [Theory]
    [InlineData("interp")]
    [InlineData("jit")]
    public async Task ToHost_ConsoleAndSystemCall_PrintAndTheirPageStaysMemory(string engine)
    {
        (string output, VirtualMachineExit exit) = await RunAsync(Bare(_tools.Build(Programs.HtifConsole)) with { Engine = engine });

        Assert.Equal("ABCDEFGH\n", output);
        Assert.Equal(3, exit.Status);
    }

    [Theory]
    [InlineData("interp", TimePolicy.RealTime, 1, "0")]
    [InlineData("interp", TimePolicy.RealTime, 4, "3")]
    [InlineData("interp", TimePolicy.InstructionCount, 4, "3")]
    [InlineData("jit", TimePolicy.RealTime, 4, "3")]
    [InlineData("jit", TimePolicy.InstructionCount, 4, "3")]
    public async Task Hsm_SeveralHarts_StartAnswerAndStop(string engine, TimePolicy time, int cpus, string expected)
    {
        VirtualMachineConfig config = Supervisor(_tools.Build(Programs.StartHarts, 0x8020_0000)) with { Cpus = cpus, Time = time, Engine = engine };

        (string output, VirtualMachineExit exit) = await RunAsync(config);

        Assert.Equal(expected, output);
        Assert.Equal(VirtualMachineExitReason.PowerOff, exit.Reason);
    }

    [Theory]
    [InlineData("interp", TimePolicy.RealTime)]
    [InlineData("interp", TimePolicy.InstructionCount)]
    [InlineData("jit", TimePolicy.RealTime)]
    [InlineData("jit", TimePolicy.InstructionCount)]
    public async Task Timer_TenDeadlines_AllInterrupt(string engine, TimePolicy time)
    {
        (string output, _) = await RunAsync(Supervisor(_tools.Build(Programs.Ticks, 0x8020_0000)) with { Time = time, Engine = engine });

        Assert.StartsWith("tttttttttt", output, StringComparison.Ordinal);
        Assert.Equal(26, output.Length);
    }

    [Theory]
    [InlineData("interp")]
    [InlineData("jit")]
    public async Task InstructionCount_TwoRuns_AreTheSameToTheLastInstruction(string engine)
    {
        VirtualMachineConfig config = Supervisor(_tools.Build(Programs.Ticks, 0x8020_0000)) with { Time = TimePolicy.InstructionCount, Engine = engine };

        (string Output, ulong Instructions) first = await CountAsync(config), second = await CountAsync(config);

        Assert.Equal(first, second);
    }

    [Theory]
    [InlineData("fw_dynamic.bin")]
    [InlineData("fw_dynamic.elf")]
    [InlineData("fw_jump.bin")]
    [InlineData("fw_jump.elf")]
    public async Task OpenSbi_WithSupervisorPayload_StartsItAndServesIt(string firmware)
    {
        VirtualMachineConfig config = Supervisor(_tools.Build(Programs.Ticks, 0x8020_0000)) with
        {
            Firmware = FirmwareChoice.File("/usr/lib/riscv64-linux-gnu/opensbi/generic/" + firmware),
        };

        (string output, VirtualMachineExit exit) = await RunAsync(config);

        Assert.Contains("OpenSBI v", output, StringComparison.Ordinal);
        Assert.Contains("Domain0 Next Address      : 0x0000000080200000", output, StringComparison.Ordinal);
        Assert.Contains("tttttttttt", output, StringComparison.Ordinal);
        Assert.Equal(VirtualMachineExitReason.PowerOff, exit.Reason);
    }

    [Fact]
    public async Task OpenSbi_OnFourHarts_SeesThemAll()
    {
        VirtualMachineConfig config = Supervisor(_tools.Build(Programs.StartHarts, 0x8020_0000)) with
        {
            Cpus = 4,
            Firmware = FirmwareChoice.File("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"),
        };

        (string output, _) = await RunAsync(config);

        Assert.Contains("Platform HART Count       : 4", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin", "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin")]
    [InlineData("/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf", "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf")]
    [InlineData(null, "/usr/lib/u-boot/qemu-riscv64/u-boot.bin")]
    public async Task UBoot_InSupervisorOrMachineMode_AnswersAtItsPrompt(string? kernel, string firmware)
    {
        string disk = _tools.PathOf("disk.img");
        await File.WriteAllBytesAsync(disk, new byte[1 << 20]);
        VirtualMachineConfig config = new()
        {
            KernelPath = kernel,
            Firmware = FirmwareChoice.File(firmware),
            Disks = [new DiskConfig(disk)],
            MemoryBytes = 128 << 20,
            Timeout = s_limit,
        };
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);

        await vm.Console.ExpectAsync("Hit any key to stop autoboot", s_limit);
        await vm.Console.WriteAsync(" ");
        await vm.Console.ExpectAsync("=> ", s_limit);
        await vm.Console.WriteLineAsync("virtio scan; virtio info");
        string answer = await vm.Console.ExpectAsync("MB = ", s_limit);
        await vm.Console.WriteLineAsync("poweroff");

        Assert.Contains("VirtIO Block Device", answer, StringComparison.Ordinal);
        Assert.Equal(VirtualMachineExitReason.PowerOff, (await vm.WaitForExitAsync()).Reason);
    }

    [Fact]
    public async Task DeviceTree_Generated_TellsTheGuestMemoryCommandLineAndInitrd()
    {
        DeviceTree tree = await DumpTreeAsync(new VirtualMachineConfig { CommandLine = "quiet" });

        Assert.Equal("quiet\0"u8.ToArray(), tree.Find("/chosen")!.Get("bootargs")!.Value.ToArray());
        Assert.Equal(Big(0x8000_0000, 64 << 20), tree.Find("/memory@80000000")!.Get("reg")!.Value.ToArray());
        Assert.Equal(Big(0x8220_0000), tree.Find("/chosen")!.Get("linux,initrd-start")!.Value.ToArray());
        Assert.Equal(Big(0x8220_0000 + 3 + 1 + 2), tree.Find("/chosen")!.Get("linux,initrd-end")!.Value.ToArray());
    }

    [Fact]
    public async Task DeviceTree_OfTheUser_IsPatchedAndOtherwiseKept()
    {
        string path = _tools.PathOf("user.dtb");
        await File.WriteAllBytesAsync(path, Dtc.Compile("/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; model = \"mine\"; chosen { bootargs = \"old\"; }; };"));

        DeviceTree tree = await DumpTreeAsync(new VirtualMachineConfig { CommandLine = "new", DeviceTreePath = path });

        Assert.Equal("mine\0"u8.ToArray(), tree.Root.Get("model")!.Value.ToArray());
        Assert.Equal("new\0"u8.ToArray(), tree.Find("/chosen")!.Get("bootargs")!.Value.ToArray());
        Assert.Equal(Big(0x8000_0000, 64 << 20), tree.Find("/memory@80000000")!.Get("reg")!.Value.ToArray());
        Assert.NotNull(tree.Find("/chosen")!.Get("linux,initrd-start"));
    }

    // Boots a program that prints the tree it was given, with an initial RAM disk of three bytes and an appended one of two.
    private async Task<DeviceTree> DumpTreeAsync(VirtualMachineConfig config)
    {
        string initrd = _tools.PathOf("initrd");
        await File.WriteAllBytesAsync(initrd, [1, 2, 3]);
        (string output, _) = await RunAsync(config with
        {
            KernelPath = _tools.Build(Programs.DumpDeviceTree, 0x8020_0000),
            MemoryBytes = 64 << 20,
            Timeout = s_limit,
            InitrdPath = initrd,
            ExtraInitrds = [new byte[] { 4, 5 }],
        });
        byte[] blob = new byte[output.Length / 2];
        for (int i = 0; i < blob.Length; i++) blob[i] = (byte)(((output[2 * i] - 'a') << 4) | (output[(2 * i) + 1] - 'a'));
        return DeviceTreeReader.Read(blob);
    }

    private static byte[] Big(params ulong[] values)
    {
        byte[] bytes = new byte[values.Length * 8];
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * 8), values[i]);
        return bytes;
    }

    private static VirtualMachineConfig Bare(string program) =>
        new() { KernelPath = program, Firmware = FirmwareChoice.None, MemoryBytes = 64 << 20, Timeout = s_limit };

    private static VirtualMachineConfig Supervisor(string program) => new() { KernelPath = program, MemoryBytes = 64 << 20, Timeout = s_limit };

    private static async Task<(string Output, VirtualMachineExit Exit)> RunAsync(VirtualMachineConfig config)
    {
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);
        VirtualMachineExit exit = await vm.WaitForExitAsync();
        return (vm.Console.Output, exit);
    }

    private static async Task<(string Output, ulong Instructions)> CountAsync(VirtualMachineConfig config)
    {
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);
        await vm.WaitForExitAsync();
        return (vm.Console.Output, vm.GetStatistics().Instructions);
    }
}
