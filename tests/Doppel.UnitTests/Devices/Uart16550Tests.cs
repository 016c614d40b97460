using System.Runtime.InteropServices;
using System.Text;
using Doppel.Core.Bus;
using Doppel.Devices.Backends.Char;
using Doppel.Devices.Serial;

namespace Doppel.UnitTests.Devices;

public sealed class Uart16550Tests
{
    private const ulong Rbr = 0, Thr = 0, Ier = 1, Iir = 2, Fcr = 2, Lcr = 3, Mcr = 4, Lsr = 5, Msr = 6, Scr = 7;
    private readonly ManualTime _time = new();
    private readonly IrqLine _irq = IrqLine.CreateUnconnected();
    private readonly CharChannel _channel = new(capacity: 32);
    private readonly Uart16550 _uart;

    public Uart16550Tests() => _uart = new Uart16550(_irq, _time, _channel);

    [Fact]
    public void Reset_Registers_HoldTheDataSheetsValues()
    {
        Assert.Equal(0, _uart.Read8(Ier));
        Assert.Equal(1, _uart.Read8(Iir));
        Assert.Equal(0x60, _uart.Read8(Lsr));
        Assert.Equal(0xB0, _uart.Read8(Msr));
    }

    [Fact]
    public void Scratch_Write_ReadsBack()
    {
        _uart.Write8(Scr, 0xA5);
        Assert.Equal(0xA5, _uart.Read8(Scr));
    }

    [Fact]
    public void DivisorLatch_AccessBit_SelectsIt()
    {
        _uart.Write8(Lcr, 0x83);
        _uart.Write8(0, 0x34);
        _uart.Write8(1, 0x12);
        Assert.Equal(0x34, _uart.Read8(0));
        Assert.Equal(0x12, _uart.Read8(1));
        _uart.Write8(Lcr, 0x03);
        Assert.Equal(0, _uart.Read8(Ier));
        Assert.Equal(0x1234, _uart.State.Divisor);
    }

    [Fact]
    public void Transmit_Characters_ReachTheHost()
    {
        foreach (byte b in "hello"u8) _uart.Write8(Thr, b);
        Assert.Equal("hello", ReadHost(5));
    }

    [Fact]
    public void Transmit_HostIsBehind_ClearsEmptyAndLosesNothing()
    {
        _uart.Write8(Fcr, 1);
        for (int i = 0; i < 32 + 16; i++) _uart.Write8(Thr, (byte)('A' + (i % 26)));
        Assert.Equal(0, _uart.Read8(Lsr) & 0x60);
        string first = ReadHost(32);
        _time.RunDue();
        Assert.Equal(0x60, _uart.Read8(Lsr) & 0x60);
        Assert.Equal("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUV", first + ReadHost(16));
    }

    [Fact]
    public async Task Transmit_DeterministicTimeAndHostIsBehind_WaitsForTheHost()
    {
        using CharChannel channel = new(capacity: 4);
        Uart16550 uart = new(_irq, new ManualTime(deterministic: true), channel);
        byte[] received = new byte[64];
        Task reader = channel.Host.ReadExactlyAsync(received).AsTask();
        for (int i = 0; i < 64; i++)
        {
            Assert.Equal(0x60, uart.Read8(Lsr));
            uart.Write8(Thr, (byte)i);
        }
        await reader.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(Enumerable.Range(0, 64).Select(i => (byte)i), received);
    }

    [Fact]
    public void TransmitInterrupt_Enabled_IsRaisedAtOnceAndClearedByReadingIir()
    {
        _uart.Write8(Ier, 2);
        Assert.True(_irq.Level);
        Assert.Equal(2, _uart.Read8(Iir));
        Assert.False(_irq.Level);
        Assert.Equal(1, _uart.Read8(Iir));
        _uart.Write8(Thr, (byte)'x');
        Assert.True(_irq.Level);
    }

    [Fact]
    public void Receive_WithoutFifo_InterruptsForEachCharacter()
    {
        _uart.Write8(Ier, 1);
        Type("ab");
        Assert.True(_irq.Level);
        Assert.Equal(4, _uart.Read8(Iir));
        Assert.Equal(0x61, _uart.Read8(Lsr));
        Assert.Equal((byte)'a', _uart.Read8(Rbr));
        Assert.True(_irq.Level);
        Assert.Equal((byte)'b', _uart.Read8(Rbr));
        Assert.False(_irq.Level);
        Assert.Equal(0x60, _uart.Read8(Lsr));
    }

    [Theory]
    [InlineData(0x01, 1)]
    [InlineData(0x41, 4)]
    [InlineData(0x81, 8)]
    [InlineData(0xC1, 14)]
    public void Receive_TriggerLevel_InterruptsWhenReached(byte fcr, int trigger)
    {
        _uart.Write8(Fcr, fcr);
        _uart.Write8(Ier, 1);
        Type(new string('x', trigger - 1));
        Assert.False(_irq.Level);
        Type("x");
        Assert.True(_irq.Level);
        Assert.Equal(0xC4, _uart.Read8(Iir));
    }

    [Fact]
    public void Receive_BelowTriggerForFourCharacterTimes_RaisesTheTimeout()
    {
        _uart.Write8(Lcr, 0x83);
        _uart.Write8(0, 2);
        _uart.Write8(1, 0);
        _uart.Write8(Lcr, 0x03);
        _uart.Write8(Fcr, 0x81);
        _uart.Write8(Ier, 1);
        Type("k");
        // 8N1 at 115200 baud: ten bits a character, 347 microseconds for four.
        _time.Advance(347_000);
        Assert.False(_irq.Level);
        _time.Advance(1_000);
        Assert.True(_irq.Level);
        Assert.Equal(0xCC, _uart.Read8(Iir));
        Assert.Equal((byte)'k', _uart.Read8(Rbr));
        Assert.False(_irq.Level);
        Assert.Equal(0xC1, _uart.Read8(Iir));
    }

    [Fact]
    public async Task Receive_MoreThanEveryBufferHolds_LosesNothing()
    {
        _uart.Write8(Fcr, 1);
        byte[] pasted = new byte[20_000];
        new Random(1).NextBytes(pasted);
        Task writer = _channel.Host.WriteAsync(pasted).AsTask();
        List<byte> received = [];
        while (received.Count < pasted.Length)
        {
            _time.RunDue();
            while ((_uart.Read8(Lsr) & 1) != 0) received.Add(_uart.Read8(Rbr));
            await Task.Yield();
        }
        await writer.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(pasted, received);
        Assert.False(_uart.State.Overrun);
    }

    [Fact]
    public void FifoControl_ClearReceiver_DropsItsCharacters()
    {
        _uart.Write8(Fcr, 1);
        Type("abc");
        _uart.Write8(Fcr, 3);
        Assert.Equal(0x60, _uart.Read8(Lsr));
    }

    [Fact]
    public void Loopback_Transmit_ComesBackAndDoesNotLeave()
    {
        _uart.Write8(Mcr, 0x10);
        _uart.Write8(Thr, 0x42);
        Assert.Equal(0x61, _uart.Read8(Lsr));
        Assert.Equal(0x42, _uart.Read8(Rbr));
        Assert.Equal(0, _channel.PendingOutput);
    }

    [Fact]
    public void Loopback_TwoCharactersWithoutFifo_Overruns()
    {
        _uart.Write8(Ier, 4);
        _uart.Write8(Mcr, 0x10);
        _uart.Write8(Thr, 1);
        _uart.Write8(Thr, 2);
        Assert.Equal(6, _uart.Read8(Iir));
        Assert.Equal(0x63, _uart.Read8(Lsr));
        Assert.False(_irq.Level);
        Assert.Equal(1, _uart.Read8(Rbr));
    }

    [Theory]
    [InlineData(0x11, 0x20)]
    [InlineData(0x12, 0x10)]
    [InlineData(0x14, 0x40)]
    [InlineData(0x18, 0x80)]
    [InlineData(0x1A, 0x90)]
    public void Loopback_ModemControl_DrivesModemStatus(byte mcr, byte msr)
    {
        _uart.Write8(Mcr, mcr);
        Assert.Equal(msr, _uart.Read8(Msr) & 0xF0);
        Assert.Equal(0, _uart.Read8(Msr) & 0x0F);
    }

    [Fact]
    public void ModemStatus_LevelsChange_InterruptsUntilRead()
    {
        _uart.Write8(Ier, 8);
        _uart.Write8(Mcr, 0x10);
        Assert.Equal(0, _uart.Read8(Iir));
        Assert.Equal(0x0B, _uart.Read8(Msr));
        Assert.Equal(1, _uart.Read8(Iir));
    }

    [Fact]
    public void ModemStatus_RingEnds_ReportsTrailingEdgeOnly()
    {
        _uart.Write8(Mcr, 0x14);
        _uart.Read8(Msr);
        _uart.Write8(Mcr, 0x10);
        Assert.Equal(0x04, _uart.Read8(Msr));
    }

    [Fact]
    public void Break_FromTheHost_IsANulWithBreakError()
    {
        _uart.Write8(Fcr, 1);
        _uart.Write8(Ier, 4);
        _uart.SendBreak();
        _time.RunDue();
        Assert.Equal(0xC6, _uart.Read8(Iir));
        Assert.Equal(0xF1, _uart.Read8(Lsr));
        Assert.Equal(0x61, _uart.Read8(Lsr));
        Assert.Equal(0, _uart.Read8(Rbr));
    }

    [Fact]
    public void Window_BeyondTheRegisters_ReadsZero()
    {
        _uart.Write8(0x40, 0xFF);
        Assert.Equal(0, _uart.Read8(0x40));
    }

    [Fact]
    public void Reset_AfterUse_RestoresEverything()
    {
        Uart16550State fresh = _uart.State;
        _uart.Write8(Ier, 0xFF);
        _uart.Write8(Scr, 1);
        _uart.Write8(Mcr, 0x1F);
        _uart.Reset();
        Uart16550State now = _uart.State;
        Assert.Equal(MemoryMarshal.AsBytes(new Span<Uart16550State>(ref fresh)), MemoryMarshal.AsBytes(new Span<Uart16550State>(ref now)));
        Assert.False(_irq.Level);
    }

    private void Type(string text)
    {
        _channel.Host.Write(Encoding.ASCII.GetBytes(text));
        _time.RunDue();
    }

    private string ReadHost(int count)
    {
        byte[] buffer = new byte[count];
        _channel.Host.ReadExactly(buffer);
        return Encoding.ASCII.GetString(buffer);
    }
}
