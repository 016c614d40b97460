namespace Doppel.UnitTests.Machine;

/// <summary>Looks at the whole process, so nothing else may run beside it.</summary>
[CollectionDefinition(nameof(LeakTests), DisableParallelization = true)]
[Collection(nameof(LeakTests))]
public sealed class LeakTests : IDisposable
{
    private readonly BareMetal _tools = new();

    public void Dispose() => _tools.Dispose();

    [Theory]
    [InlineData("interp", TimePolicy.RealTime)]
    [InlineData("interp", TimePolicy.InstructionCount)]
    [InlineData("jit", TimePolicy.RealTime)]
    public async Task Dispose_MachineWithEverything_LeavesNoThreadFileOrMapping(string engine, TimePolicy time)
    {
        string disk = _tools.PathOf("disk.img"), socket = _tools.PathOf("serial");
        await File.WriteAllBytesAsync(disk, new byte[1 << 20]);
        VirtualMachineConfig config = new()
        {
            KernelPath = _tools.Build(Programs.Spin),
            Firmware = FirmwareChoice.None,
            MemoryBytes = 64 << 20,
            Cpus = 2,
            Engine = engine,
            Time = time,
            ConsolePorts = [new ConsolePortConfig("hvc", IsConsole: true), new ConsolePortConfig("org.test")],
            Disks = [new DiskConfig(disk)],
            Serial = new SerialConfig(SerialKind.Socket, socket),
        };
        await RunBrieflyAsync(config);
        (string Threads, int Files, int Mappings) before = Count();

        for (int i = 0; i < 10; i++) await RunBrieflyAsync(config);

        // A thread that was joined is still listed for the moment that the kernel needs to take it down.
        SpinWait.SpinUntil(static () => Count().Threads == "", TimeSpan.FromSeconds(60));
        (string Threads, int Files, int Mappings) after = Count();
        Assert.Equal(("", 0), (after.Threads, after.Mappings));
        // Ten machines with a leak each would add ten; the runtime itself opens one or two.
        Assert.InRange(after.Files, 0, before.Files + 4);
        Assert.False(File.Exists(socket));
    }

    [Fact]
    public async Task TwentyMachines_InOneProcessAtOnce_RunAndLeaveNothing()
    {
        // Says that it is there, and sleeps.
        string program = _tools.Build("_start: li a1, 0x10000000\nli t0, 'r'\nsb t0, (a1)\n1: wfi\nj 1b\n");
        VirtualMachineConfig config = new() { KernelPath = program, Firmware = FirmwareChoice.None, MemoryBytes = 64 << 20 };
        await RunBrieflyAsync(config);
        int files = Count().Files;

        VirtualMachine[] machines = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => VirtualMachine.StartAsync(config)));
        await Task.WhenAll(machines.Select(static m => m.Console.ExpectAsync("r", TimeSpan.FromSeconds(60))));
        Assert.InRange(Count().Mappings, 20, int.MaxValue);
        foreach (VirtualMachine machine in machines) await machine.DisposeAsync();

        SpinWait.SpinUntil(static () => Count().Threads == "", TimeSpan.FromSeconds(60));
        (string Threads, int Files, int Mappings) after = Count();
        Assert.Equal(("", 0), (after.Threads, after.Mappings));
        Assert.InRange(after.Files, 0, files + 4);
    }

    private static async Task RunBrieflyAsync(VirtualMachineConfig config)
    {
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);
        Assert.True(SpinWait.SpinUntil(() => vm.GetStatistics().Instructions > 0, TimeSpan.FromSeconds(60)));
    }

    // Threads of the runtime's pool come and go while they are counted.
    private static string NameOf(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm"));
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static (string Threads, int Files, int Mappings) Count() => (
        string.Concat(Directory.GetDirectories("/proc/self/task").Select(NameOf).Where(static n => n.StartsWith("doppel-", StringComparison.Ordinal))),
        Directory.GetFileSystemEntries("/proc/self/fd").Length,
        File.ReadLines("/proc/self/maps").Count(static m => m.Contains("doppel-", StringComparison.Ordinal) && m.Contains("memfd", StringComparison.Ordinal)));
}
