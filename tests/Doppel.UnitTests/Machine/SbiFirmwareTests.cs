using System.Text;
using Doppel.Boot.Sbi;
using Doppel.Core.Bus;
using Doppel.Core.Execution;
using Doppel.Core.Memory;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Char;
using Doppel.Devices.Serial;
using Doppel.RiscV;

namespace Doppel.UnitTests.Machine;

public sealed class SbiFirmwareTests : IDisposable
{
    private const ulong Base = 0x10, Timer = 0x54494D45, Ipi = 0x735049, Fence = 0x52464E43, Hsm = 0x48534D, Reset = 0x53525354, Console = 0x4442434E;
    private const ulong Ram = 0x8000_0000, RamSize = 0x10_0000;
    private const long NotSupported = -2, InvalidParameter = -3, InvalidAddress = -5, AlreadyAvailable = -6;

    private readonly GuestMemory _memory = new(new RamRegion(Ram, RamSize, ReadOnly: false, "ram"));
    private readonly InstructionCountTime _time = new(static () => 0);
    private readonly CharChannel _line = new();
    private readonly FakeVcpu[] _harts = [new(0), new(1), new(2)];
    private readonly List<PowerRequest> _power = [];
    private readonly SbiFirmware _firmware;

    public SbiFirmwareTests()
    {
        Uart16550 uart = new(IrqLine.CreateUnconnected(), _time, _line);
        _firmware = new SbiFirmware(new SbiPlatform(_memory, new SbiConsole(uart, _line), _power.Add)) { Harts = new SbiHarts(_harts, default) };
        _firmware.Harts.Start(0, Ram, 0);
    }

    public void Dispose()
    {
        _line.Dispose();
        _memory.Dispose();
        foreach (FakeVcpu hart in _harts) hart.Dispose();
    }

    [Theory]
    // Base.
    [InlineData(Base, 0, 0, 0, 0, 0, 0x0200_0000)]
    [InlineData(Base, 3, Timer, 0, 0, 0, 1)]
    [InlineData(Base, 3, 0x50, 0, 0, 0, 0)]
    [InlineData(Base, 3, 8, 0, 0, 0, 1)]
    [InlineData(Base, 3, 9, 0, 0, 0, 0)]
    [InlineData(Base, 4, 0, 0, 0, 0, 0)]
    [InlineData(Base, 7, 0, 0, 0, NotSupported, 0)]
    // Extensions and functions that do not exist.
    [InlineData(0x12345678, 0, 0, 0, 0, NotSupported, 0)]
    [InlineData(Timer, 1, 0, 0, 0, NotSupported, 0)]
    [InlineData(Ipi, 1, 0, 0, 0, NotSupported, 0)]
    [InlineData(Fence, 3, 1, 0, 0, NotSupported, 0)]
    [InlineData(Fence, 7, 1, 0, 0, NotSupported, 0)]
    [InlineData(Hsm, 4, 0, 0, 0, NotSupported, 0)]
    [InlineData(Reset, 1, 0, 0, 0, NotSupported, 0)]
    [InlineData(Console, 3, 0, 0, 0, NotSupported, 0)]
    // Masks of harts.
    [InlineData(Ipi, 0, 0b111, 0, 0, 0, 0)]
    [InlineData(Ipi, 0, 0b1000, 0, 0, InvalidParameter, 0)]
    [InlineData(Ipi, 0, 0b100, 1, 0, InvalidParameter, 0)]
    [InlineData(Ipi, 0, 1, 3, 0, InvalidParameter, 0)]
    [InlineData(Ipi, 0, 0, ulong.MaxValue, 0, 0, 0)]
    [InlineData(Fence, 0, 0b1000, 0, 0, InvalidParameter, 0)]
    // Hart state: hart 0 runs, 1 and 2 are stopped, 3 does not exist.
    [InlineData(Hsm, 2, 0, 0, 0, 0, 0)]
    [InlineData(Hsm, 2, 1, 0, 0, 0, 1)]
    [InlineData(Hsm, 2, 3, 0, 0, InvalidParameter, 0)]
    [InlineData(Hsm, 2, ulong.MaxValue, 0, 0, InvalidParameter, 0)]
    [InlineData(Hsm, 0, 3, Ram, 0, InvalidParameter, 0)]
    [InlineData(Hsm, 0, 0, Ram, 0, AlreadyAvailable, 0)]
    [InlineData(Hsm, 0, 1, 0, 0, InvalidAddress, 0)]
    [InlineData(Hsm, 0, 1, Ram, 7, 0, 0)]
    [InlineData(Hsm, 3, 0x8000_0000, 0, 0, NotSupported, 0)]
    [InlineData(Hsm, 3, 1, 0, 0, InvalidParameter, 0)]
    [InlineData(Hsm, 3, 0x1000_0000, 0, 0, InvalidParameter, 0)]
    // Reset: reserved types and reasons.
    [InlineData(Reset, 0, 3, 0, 0, InvalidParameter, 0)]
    [InlineData(Reset, 0, 0, 2, 0, InvalidParameter, 0)]
    [InlineData(Reset, 0, 0xF000_0000, 0, 0, NotSupported, 0)]
    // Console: ranges that are not memory, or not below 2^64.
    [InlineData(Console, 0, 4, 0x1000, 0, InvalidParameter, 0)]
    [InlineData(Console, 0, 4, Ram, 1, InvalidParameter, 0)]
    [InlineData(Console, 0, RamSize + 1, Ram, 0, InvalidParameter, 0)]
    [InlineData(Console, 1, ulong.MaxValue, Ram, 0, InvalidParameter, 0)]
    [InlineData(Console, 0, 0, Ram, 0, 0, 0)]
    public void Call_WithArguments_GivesErrorAndValue(ulong extension, ulong function, ulong a0, ulong a1, ulong a2, long error, ulong value)
    {
        RiscVState state = Call(extension, function, a0, a1, a2);

        Assert.Equal((error, value), ((long)state.GetX(10), state.GetX(11)));
    }

    [Fact]
    public void SetTimer_AnyTime_SetsTheComparisonOfTheCallingHart() => Assert.Equal(1234UL, Call(Timer, 0, 1234).Stimecmp);

    [Fact]
    public void SendIpi_ToTwoHarts_RaisesTheirSupervisorSoftwareInterrupt()
    {
        Call(Ipi, 0, 0b11, 1);

        Assert.Equal([0, 1, 1], _harts.Select(h => h.Interrupts.Count(b => b == 1)));
    }

    public static TheoryData<ulong, ulong, ulong, RemoteFence> Fences => new()
    {
        { 0, 0x1000, 0x2000, RemoteFence.Instructions },
        { 1, 0, 0, RemoteFence.AllTranslations },
        { 1, 0x5000, ulong.MaxValue, new RemoteFence(false, 0x5000, ulong.MaxValue, null) },
        { 1, 0x5000, 0x3000, new RemoteFence(false, 0x5000, 0x3000, null) },
        { 2, 0x5000, 0x3000, new RemoteFence(false, 0x5000, 0x3000, 9) },
        { 2, 0, 0, new RemoteFence(false, 0, ulong.MaxValue, 9) },
    };

    [Theory]
    [MemberData(nameof(Fences))]
    public void RemoteFence_OfEveryHart_IsAskedOfAllAndAwaited(ulong function, ulong start, ulong size, RemoteFence expected)
    {
        RiscVState state = Arguments(Fence, function, 0, ulong.MaxValue, start);
        state.SetX(13, size);
        state.SetX(14, 9);
        _firmware.Call(0, ref state);

        Assert.All(_harts, h => Assert.Equal(expected, Assert.Single(h.Fences)));
        Assert.All(_harts, static h => Assert.Equal(1, h.Awaited));
    }

    [Fact]
    public void HartStart_StoppedHart_EntersSupervisorModeWithItsArguments()
    {
        Call(Hsm, 0, 2, Ram + 0x100, 99);

        RiscVState started = _harts[2].State;
        Assert.Equal((Ram + 0x100, 2UL, 99UL), (started.Pc, started.GetX(10), started.GetX(11)));
        Assert.Equal((uint)PrivilegeMode.Supervisor, started.Privilege);
        Assert.Equal((0UL, 0UL), (started.Satp, started.Mstatus & 2));
        Assert.Equal(0UL, Call(Hsm, 2, 2).GetX(11));
    }

    [Fact]
    public void HartStop_OfARunningHart_IsPendingUntilItHasStopped()
    {
        FirmwareResult result = Call(Hsm, 1, out RiscVState _);

        Assert.Equal(FirmwareResult.Stop, result);
        Assert.Equal(3UL, Call(Hsm, 2, 0).GetX(11));
        Assert.Equal(AlreadyAvailable, (long)Call(Hsm, 0, 0, Ram).GetX(10));
        _harts[0].IsStopped = true;
        Assert.Equal(1UL, Call(Hsm, 2, 0).GetX(11));
        Assert.Equal(0L, (long)Call(Hsm, 0, 0, Ram).GetX(10));
    }

    [Fact]
    public void HartStart_OfAHartThatStopsAtOnce_LeavesItStopped()
    {
        // As if the hart had run and stopped before the call that starts it has returned.
        _harts[1].OnStart = () =>
        {
            _firmware.Harts.Stop(1);
            _harts[1].IsStopped = true;
        };

        Call(Hsm, 0, 1, Ram);

        Assert.Equal(1UL, Call(Hsm, 2, 1).GetX(11));
        Assert.Equal(0L, (long)Call(Hsm, 0, 1, Ram).GetX(10));
    }

    [Fact]
    public void HartSuspend_Retentive_WaitsAndSucceeds()
    {
        FirmwareResult result = Call(Hsm, 3, out RiscVState state);

        Assert.Equal((FirmwareResult.Wait, 0UL), (result, state.GetX(10)));
    }

    [Theory]
    [InlineData(0, 0, PowerAction.PowerOff, 0)]
    [InlineData(0, 1, PowerAction.PowerOff, 1)]
    [InlineData(1, 0, PowerAction.Reboot, 0)]
    [InlineData(2, 0, PowerAction.Reboot, 0)]
    public void SystemReset_KnownType_AsksThePowerSupplyAndDoesNotReturn(ulong type, ulong reason, PowerAction action, int status)
    {
        RiscVState state = Arguments(Reset, 0, type, reason, 0);

        FirmwareResult result = _firmware.Call(0, ref state);

        Assert.Equal(FirmwareResult.Stop, result);
        Assert.Equal(new PowerRequest(action, status), Assert.Single(_power));
    }

    [Fact]
    public void DebugConsole_WriteAndWriteByte_PrintInOrder()
    {
        _memory.Load(Ram, "hello"u8);

        RiscVState state = Call(Console, 0, 5, Ram);
        Call(Console, 2, '!');

        Assert.Equal(5UL, state.GetX(11));
        Assert.Equal("hello!", Printed());
    }

    [Fact]
    public void DebugConsole_Read_GivesWhatWasTypedAndNoMore()
    {
        _line.Host.Write("ab"u8);
        _time.RunDue();

        RiscVState state = Call(Console, 1, 16, Ram);

        byte[] read = new byte[3];
        _memory.TryRead(Ram, read);
        Assert.Equal(2UL, state.GetX(11));
        Assert.Equal("ab\0"u8.ToArray(), read);
    }

    [Fact]
    public void LegacyPutChar_Any_PrintsAndPreservesA1()
    {
        RiscVState state = Call(1, 0, 'x', 77);

        Assert.Equal((0UL, 77UL), (state.GetX(10), state.GetX(11)));
        Assert.Equal("x", Printed());
    }

    [Fact]
    public void LegacyGetChar_WithoutInput_GivesMinusOne() => Assert.Equal(-1L, (long)Call(2, 0).GetX(10));

    [Fact]
    public void LegacyGetChar_WithInput_GivesTheCharacter()
    {
        _line.Host.Write("k"u8);
        _time.RunDue();

        Assert.Equal((ulong)'k', Call(2, 0).GetX(10));
    }

    [Fact]
    public void LegacySendIpi_MaskInMemory_RaisesInterrupts()
    {
        _memory.TryWrite(Ram + 8, 0b110UL);

        Call(4, 0, Ram + 8);

        Assert.Equal([0, 1, 1], _harts.Select(h => h.Interrupts.Count));
    }

    [Fact]
    public void LegacySendIpi_MaskBehindPageTable_IsFoundThroughIt()
    {
        // Sv39: one gigapage at virtual address 0x40000000 that leads to RAM.
        _memory.TryWrite(Ram + 0x1000 + 8, (Ram >> 2) | 0xCF);
        _memory.TryWrite(Ram + 0x10, 0b010UL);
        RiscVState state = Arguments(4, 0, 0x4000_0010, 0, 0);
        state.Satp = (8UL << 60) | ((Ram + 0x1000) >> 12);

        _firmware.Call(0, ref state);

        Assert.Equal([0, 1, 0], _harts.Select(h => h.Interrupts.Count));
    }

    [Fact]
    public void LegacyRemoteFence_MaskThatIsNotMapped_IsAnInvalidAddress() => Assert.Equal(InvalidAddress, (long)Call(5, 0, 0x10).GetX(10));

    [Fact]
    public void LegacyRemoteFence_NullMask_ReachesEveryHart()
    {
        Call(6, 0, 0);

        Assert.All(_harts, static h => Assert.Equal(RemoteFence.AllTranslations, Assert.Single(h.Fences)));
    }

    [Fact]
    public void LegacyClearIpi_PendingInterrupt_IsTakenBack()
    {
        RiscVState state = Arguments(3, 0, 0, 0, 0);
        state.Mip = 2;

        _firmware.Call(0, ref state);

        Assert.Equal((1UL, 0UL), (state.GetX(10), state.Mip));
    }

    [Fact]
    public void LegacyShutdown_Always_SwitchesOff()
    {
        Call(8, 0);

        Assert.Equal(new PowerRequest(PowerAction.PowerOff), Assert.Single(_power));
    }

    [Fact]
    public void AnyCall_RandomArguments_NeverThrows()
    {
        Random random = new(7);
        ulong[] extensions = [Base, Timer, Ipi, Fence, Hsm, Console, 0, 1, 2, 3, 4, 5, 6, 7, 0xFFFF_FFFF_FFFF_FFFF];
        ulong[] values = [0, 1, 2, 3, 63, 64, Ram, Ram + RamSize - 1, 0x7FFF_FFFF, 0x8000_0000_0000_0000, ulong.MaxValue];
        ulong Pick() => random.Next(4) == 0 ? (ulong)random.NextInt64() : values[random.Next(values.Length)];
        int calls = 0;
        for (; calls < 50_000; calls++)
        {
            RiscVState state = Arguments(extensions[random.Next(extensions.Length)], (ulong)random.Next(9), Pick(), Pick(), Pick());
            state.Satp = Pick();
            _firmware.Call(0, ref state);
            _line.Host.Write([]);
            _line.DropOutput();
        }

        Assert.Equal(50_000, calls);
    }

    private static RiscVState Arguments(ulong extension, ulong function, ulong a0, ulong a1, ulong a2)
    {
        RiscVState state = default;
        state.SetX(10, a0);
        state.SetX(11, a1);
        state.SetX(12, a2);
        state.SetX(16, function);
        state.SetX(17, extension);
        return state;
    }

    private RiscVState Call(ulong extension, ulong function, ulong a0 = 0, ulong a1 = 0, ulong a2 = 0)
    {
        RiscVState state = Arguments(extension, function, a0, a1, a2);
        _firmware.Call(0, ref state);
        return state;
    }

    private FirmwareResult Call(ulong extension, ulong function, out RiscVState state)
    {
        state = Arguments(extension, function, 0, 0, 0);
        return _firmware.Call(0, ref state);
    }

    private string Printed()
    {
        byte[] bytes = new byte[256];
        return Encoding.ASCII.GetString(bytes, 0, _line.Host.Read(bytes));
    }
}
