using System.Numerics;
using Doppel.Core.Bus;
using Doppel.Core.Execution;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Char;
using Doppel.Devices.Interrupts;
using Doppel.Devices.Power;
using Doppel.Devices.Rtc;
using Doppel.Devices.Serial;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Devices.Fuzz;

/// <summary>Garbage in every register of the other devices, through the bus, at every size and alignment.</summary>
public sealed class RegisterFuzzTests(ITestOutputHelper output)
{
    private const int Cases = 30_000;
    private const ulong Base = 0x1000_0000;
    private readonly FuzzSeed _seed = new(output);
    private readonly ManualTime _time = new() { EpochNs = 1 };
    private readonly MmioBus _bus = new();

    [Fact]
    public void Uart_Garbage_KeepsItsInvariants()
    {
        using CharChannel channel = new(capacity: 256);
        IrqLine irq = IrqLine.CreateUnconnected();
        Uart16550 uart = new(irq, _time, channel);
        _bus.Attach(new MmioWindow(Base, Uart16550.WindowSize, 1, 1, "uart"), uart);
        byte[] scratch = new byte[300];
        _seed.Run(Cases, random =>
        {
            Poke(random, 0x10, Uart16550.WindowSize);
            if (random.Next(3) == 0) channel.Host.Write(scratch.AsSpan(0, channel.PendingInput == 0 ? random.Next(40) : 0));
            if (random.Next(50) == 0) uart.SendBreak();
            channel.Host.ReadExactly(scratch.AsSpan(0, Math.Min(channel.PendingOutput, random.Next(200))));
            _time.Advance(random.Next(2_000_000));
            Uart16550State state = uart.State;
            Assert.InRange(state.Receive.Count, 0, 16);
            Assert.InRange(state.Transmit.Count, 0, 16);
            Assert.Equal(0, state.InterruptEnable & 0xF0);
            bool level = irq.Level;
            byte id = uart.Read8(2);
            Assert.Contains(id & 0x3F, new[] { 0x00, 0x01, 0x02, 0x04, 0x06, 0x0C });
            Assert.Equal(level, (id & 1) == 0);
        });
    }

    [Fact]
    public void Plic_Garbage_AgreesWithAPlainReadingOfTheSpecification()
    {
        IrqLine[] outputs = [.. Enumerable.Range(0, 6).Select(_ => IrqLine.CreateUnconnected())];
        Plic plic = new(outputs);
        IrqLine[] inputs = [.. Enumerable.Range(1, Plic.Sources).Select(plic.CreateInput)];
        _bus.Attach(new MmioWindow(Base, Plic.WindowSize, 4, 4, "plic"), plic);
        ulong[] blocks = [0, 0x1000, 0x2000, 0x2080, 0x20_0000, 0x20_1000, 0x20_5000, 0x5F_F000];
        _seed.Run(Cases, random =>
        {
            ulong block = blocks[random.Next(blocks.Length)];
            Poke(random, random.Next(2) == 0 ? 16UL : 0x200, Plic.WindowSize, block);
            for (int i = 0; i < 4; i++) inputs[random.Next(inputs.Length)].Set(random.Next(2) == 0);
            for (int context = 0; context < outputs.Length; context++) Assert.Equal(ExpectedOutput(plic.State, context), outputs[context].Level);
            Assert.Equal(0u, (plic.State.Pending[0] | plic.State.Claimed[0]) & 1);
            for (int word = 0; word < plic.State.Pending.Length; word++) Assert.Equal(0u, plic.State.Pending[word] & plic.State.Claimed[word]);
        });
    }

    [Fact]
    public void Aclint_Garbage_LevelsFollowTheRegisters()
    {
        IrqLine[] software = [IrqLine.CreateUnconnected(), IrqLine.CreateUnconnected(), IrqLine.CreateUnconnected()];
        IrqLine[] timer = [IrqLine.CreateUnconnected(), IrqLine.CreateUnconnected(), IrqLine.CreateUnconnected()];
        MachineCounter counter = new(_time, Aclint.FrequencyHz);
        Aclint aclint = new(counter, software, timer);
        _bus.Attach(new MmioWindow(Base, Aclint.WindowSize, 4, 8, "clint"), aclint);
        ulong[] blocks = [0, 0x4000, 0xBFF0, 0xFFF0];
        _seed.Run(Cases, random =>
        {
            Poke(random, 32, Aclint.WindowSize, blocks[random.Next(blocks.Length)]);
            _time.Advance(random.Next(1_000));
            for (int hart = 0; hart < software.Length; hart++)
            {
                Assert.Equal(aclint.State.SoftwareInterrupt[hart], software[hart].Level);
                Assert.Equal(counter.Value >= aclint.State.TimeCompare[hart], timer[hart].Level);
            }
        });
    }

    [Fact]
    public void RtcAndFinisher_Garbage_KeepTheirInvariants()
    {
        IrqLine irq = IrqLine.CreateUnconnected();
        GoldfishRtc rtc = new(irq, _time);
        List<PowerRequest> requests = [];
        _bus.Attach(new MmioWindow(Base, GoldfishRtc.WindowSize, 4, 4, "rtc"), rtc);
        _bus.Attach(new MmioWindow(Base + 0x1000, TestFinisher.WindowSize, 1, 4, "test"), new TestFinisher(requests.Add));
        _seed.Run(Cases, random =>
        {
            Poke(random, 0x28, GoldfishRtc.WindowSize);
            _bus.TryWrite(Base + 0x1000 + (ulong)random.Next(8), 1 << random.Next(4), Garbage(random));
            _time.Advance(random.Next(1_000));
            Assert.Equal(rtc.State is { Pending: true, Enabled: true }, irq.Level);
        });
        Assert.All(requests, r => Assert.InRange(r.Status, 0, 0xFFFF));
    }

    private static bool ExpectedOutput(PlicState state, int context)
    {
        bool level = false;
        for (int source = 1; source <= Plic.Sources; source++)
        {
            uint bit = 1u << (source % 32);
            bool counts = (state.Pending[source / 32] & state.Enabled[(context * 3) + (source / 32)] & bit) != 0;
            level |= counts && state.Priority[source] > state.Threshold[context];
        }
        return level;
    }

    private static ulong Garbage(Random random) => random.Next(4) switch
    {
        0 => (ulong)random.Next(64),
        1 => ulong.MaxValue,
        2 => 0x5555UL << random.Next(20),
        _ => (ulong)random.NextInt64(),
    };

    private void Poke(Random random, ulong registers, ulong window, ulong block = 0)
    {
        for (int i = 0; i < 4; i++)
        {
            ulong offset = block + (ulong)random.NextInt64((long)registers);
            if (random.Next(16) == 0) offset = (ulong)random.NextInt64((long)window);
            int size = 1 << random.Next(4);
            _bus.TryWrite(Base + offset, size, Garbage(random));
            _bus.TryRead(Base + offset, size, out _);
        }
    }
}
