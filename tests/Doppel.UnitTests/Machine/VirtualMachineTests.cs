using System.Text;
using Doppel.Core.Execution;
using Doppel.RiscV;
using Doppel.RiscV.Engines;

namespace Doppel.UnitTests.Machine;

public sealed class VirtualMachineTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    private readonly BareMetal _tools = new();

    public void Dispose() => _tools.Dispose();

    [Fact]
    public async Task Console_WriteAndExpect_TalkToTheGuest()
    {
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Echo));

        await vm.Console.WriteAsync("HAL");
        string seen = await vm.Console.ExpectAsync("IBM", s_limit);
        await vm.Console.WriteAsync("x");

        Assert.Equal("IBM", seen);
        Assert.Equal(VirtualMachineExitReason.PowerOff, (await vm.WaitForExitAsync()).Reason);
    }

    [Fact]
    public async Task Expect_TextThatDoesNotCome_ShowsTheLastOutput()
    {
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Echo));
        await vm.Console.WriteAsync("HAL");
        await vm.Console.ExpectAsync("IBM", s_limit);

        TimeoutException error = await Assert.ThrowsAsync<TimeoutException>(() => vm.Console.ExpectAsync("never", TimeSpan.FromMilliseconds(50)));

        Assert.Contains("IBM", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Expect_MachineThatEnds_SaysSo()
    {
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Hello));

        VirtualMachineException error = await Assert.ThrowsAsync<VirtualMachineException>(() => vm.Console.ExpectAsync("never", s_limit));

        Assert.Contains("ended", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OutputReceived_HandlerAddedAfterTheEnd_IsGivenWhatCameBefore()
    {
        VirtualMachineConfig config = new() { KernelPath = _tools.Build(Programs.HtifConsole), Firmware = FirmwareChoice.None, MemoryBytes = 64 << 20 };
        await using VirtualMachine quick = await VirtualMachine.StartAsync(config);
        await quick.WaitForExitAsync();
        StringBuilder received = new();
        quick.Console.OutputReceived += bytes => received.Append(Encoding.ASCII.GetString(bytes.Span));
        Assert.NotEmpty(quick.Console.Output);
        Assert.Equal(quick.Console.Output, received.ToString());
    }

    [Fact]
    public async Task OutputReceived_AllOutput_ComesBeforeTheExit()
    {
        StringBuilder received = new();
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Echo));
        vm.Console.OutputReceived += bytes => received.Append(Encoding.ASCII.GetString(bytes.Span));

        await vm.Console.WriteAsync(new string('a', 1000) + "x");
        await vm.WaitForExitAsync();

        Assert.Equal(new string('b', 1000), received.ToString());
    }

    [Fact]
    public async Task TwoMachines_InOneProcess_DoNotTouchEachOther()
    {
        await using VirtualMachine first = await VirtualMachine.StartAsync(Config(Programs.Echo));
        await using VirtualMachine second = await VirtualMachine.StartAsync(Config(Programs.Echo) with { Time = TimePolicy.InstructionCount });

        await first.Console.WriteAsync("AAAA");
        await second.Console.WriteAsync("1111");
        await first.Console.ExpectAsync("BBBB", s_limit);
        await second.Console.ExpectAsync("2222", s_limit);
        await first.Console.WriteAsync("x");
        await first.WaitForExitAsync();
        await second.Console.WriteAsync("2");
        await second.Console.ExpectAsync("3", s_limit);

        Assert.Equal(("BBBB", "22223"), (first.Console.Output, second.Console.Output));
    }

    [Theory]
    [InlineData(TimePolicy.RealTime)]
    [InlineData(TimePolicy.InstructionCount)]
    public async Task Pause_RunningGuest_StopsItsInstructionsUntilResume(TimePolicy time)
    {
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Spin) with { Time = time });

        await vm.PauseAsync();
        ulong paused = vm.GetStatistics().Instructions;
        await Task.Delay(30);
        ulong later = vm.GetStatistics().Instructions;
        await vm.ResumeAsync();

        Assert.Equal(paused, later);
        Assert.True(SpinWait.SpinUntil(() => vm.GetStatistics().Instructions > paused, s_limit));
    }

    [Fact]
    public async Task Reboot_ByDefault_StartsTheMachineAgain()
    {
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Reboot));

        await vm.Console.ExpectAsync("RRR", s_limit);

        Assert.True(vm.GetStatistics().Reboots >= 2);
    }

    [Fact]
    public async Task Reboot_WhenToldNotTo_EndsTheMachine()
    {
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Reboot) with { RestartOnReboot = false });

        VirtualMachineExit exit = await vm.WaitForExitAsync();

        Assert.Equal((VirtualMachineExitReason.Reboot, "R"), (exit.Reason, vm.Console.Output));
    }

    [Theory]
    [InlineData(TimePolicy.RealTime)]
    [InlineData(TimePolicy.InstructionCount)]
    public async Task Timeout_GuestThatNeverEnds_EndsTheMachine(TimePolicy time)
    {
        VirtualMachineConfig config = Config(Programs.Spin) with { Timeout = TimeSpan.FromMilliseconds(50), Time = time };
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);

        Assert.Equal(VirtualMachineExitReason.Timeout, (await vm.WaitForExitAsync()).Reason);
    }

    [Fact]
    public async Task Cancellation_AfterTheStart_EndsTheMachine()
    {
        using CancellationTokenSource source = new();
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Spin), source.Token);

        await source.CancelAsync();

        Assert.Equal(VirtualMachineExitReason.Cancelled, (await vm.WaitForExitAsync()).Reason);
    }

    [Fact]
    public async Task WaitForExit_Cancelled_LeavesTheMachineRunning()
    {
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Spin));
        using CancellationTokenSource source = new(10);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => vm.WaitForExitAsync(source.Token));

        ulong before = vm.GetStatistics().Instructions;
        Assert.True(SpinWait.SpinUntil(() => vm.GetStatistics().Instructions > before, s_limit));
    }

    [Fact]
    public async Task Engine_ThatThrows_EndsTheMachineWithTheFailure()
    {
        InvalidOperationException defect = new("defect");
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Spin), _ => new ThrowingEngine(defect), default);

        VirtualMachineExit exit = await vm.WaitForExitAsync();

        Assert.Equal(VirtualMachineExitReason.Failure, exit.Reason);
        Assert.Same(defect, exit.Error);
    }

    [Fact]
    public async Task Serial_ToFile_HoldsAllOutputAfterTheExit()
    {
        string path = _tools.PathOf("boot.log");
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Hello) with { Serial = new SerialConfig(SerialKind.File, path) });

        await vm.WaitForExitAsync();

        Assert.Equal("hello from bare metal\n", await File.ReadAllTextAsync(path));
        Assert.Equal("hello from bare metal\n", vm.Console.Output);
    }

    [Fact]
    public async Task Statistics_AfterTheEnd_CountInstructionsAndDeviceAccesses()
    {
        await using VirtualMachine vm = await VirtualMachine.StartAsync(Config(Programs.Hello));
        await vm.WaitForExitAsync();

        VirtualMachineStatistics statistics = vm.GetStatistics();

        // Six instructions of the boot ROM, and the program's: 23 characters of six, the last one cut short.
        Assert.InRange(statistics.Instructions, 100UL, 200UL);
        Assert.Contains(statistics.Exits, e => e is { Key: "device access", Value: 23 });
        Assert.True(statistics.PeakMemoryBytes > 0);
        Assert.Null(statistics.TimeToKernel);
    }

    [Fact]
    public async Task Start_ConfigurationThatIsWrong_ListsEveryProblem()
    {
        VirtualMachineConfig config = new() { MemoryBytes = 1 << 20, Cpus = 0, Engine = "warp", Board = "toaster" };

        VirtualMachineException error = await Assert.ThrowsAsync<VirtualMachineException>(() => VirtualMachine.StartAsync(config));

        Assert.Equal(5, error.Message.Split(Environment.NewLine).Length);
        Assert.Contains("--memory 32M", error.Message, StringComparison.Ordinal);
        Assert.Contains("--kernel", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_KernelThatIsMissing_NamesItAndLeavesNothing()
    {
        VirtualMachineException error = await Assert.ThrowsAsync<VirtualMachineException>(
            () => VirtualMachine.StartAsync(new VirtualMachineConfig { KernelPath = "/nonexistent" }));

        Assert.Equal("--kernel /nonexistent: no such file", error.Message);
    }

    private VirtualMachineConfig Config(string program) =>
        new() { KernelPath = _tools.Build(program), Firmware = FirmwareChoice.None, MemoryBytes = 64 << 20, Timeout = s_limit };

    private sealed class ThrowingEngine(Exception defect) : IRiscVEngine
    {
        public string Name => "broken";

        public IRiscVVcpu CreateVcpu(int hart, RiscVPlatform platform) => new FakeVcpu(hart) { OnRun = () => throw defect };
    }
}
