namespace Doppel.UnitTests.Machine;

public sealed class BareMetalTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

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
            Cpus = 4, Firmware = FirmwareChoice.File("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"),
        };

        (string output, _) = await RunAsync(config);

        Assert.Contains("Platform HART Count       : 4", output, StringComparison.Ordinal);
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
