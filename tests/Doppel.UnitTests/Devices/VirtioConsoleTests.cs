using System.Text;
using Doppel.Devices.Backends.Char;
using Doppel.Devices.Virtio.Console;

namespace Doppel.UnitTests.Devices;

public sealed class VirtioConsoleTests : IDisposable
{
    private const ulong Buffers = VirtioBench.Ram, Features = VirtioBench.Version1 | 3;
    private readonly ManualTime _time = new();
    private readonly CharChannel _terminal = new(capacity: 64);
    private readonly CharChannel _pipe = new(capacity: 64);
    private readonly VirtioConsole _console;
    private readonly VirtioBench _bench;
    private DriverQueue[] _queues = [];

    public VirtioConsoleTests()
    {
        _console = new VirtioConsole([new ConsolePort("", true, _terminal), new ConsolePort("doppel.stdin", false, _pipe)], new ConsoleSize(80, 25), _time);
        _bench = new VirtioBench(_console);
    }

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Config_Fields_GiveSizeAndPorts()
    {
        Assert.Equal(80u | (25u << 16), _bench.Transport.Read32(0x100));
        Assert.Equal(2u, _bench.Transport.Read32(0x104));
    }

    [Fact]
    public void Multiport_Handshake_AnnouncesPortsAndTheirProperties()
    {
        Start(Features);
        SendControl(0, 0, 1);
        Assert.Equal(["0 1 1", "1 1 1"], ReceiveControl());
        SendControl(0, 3, 1);
        Assert.Equal(["0 4 1", "0 6 1", "0 5 0 50001900"], ReceiveControl());
        SendControl(1, 3, 1);
        Assert.Equal(["1 7 1 " + Convert.ToHexString("doppel.stdin"u8), "1 6 1"], ReceiveControl());
    }

    [Fact]
    public void Multiport_DriverFailed_HearsNothing()
    {
        Start(Features);
        SendControl(0, 0, 0);
        Assert.Empty(ReceiveControl());
    }

    [Fact]
    public void Multiport_MessagesWithoutBuffers_AreKeptUntilThereAreSome()
    {
        Start(Features, controlBuffers: 0);
        for (int i = 0; i < 1000; i++) SendControl(1, 3, 1);
        Assert.Empty(ReceiveControl());
        AddControlBuffers(16);
        Assert.Equal(["1 7 1 " + Convert.ToHexString("doppel.stdin"u8), "1 6 1"], ReceiveControl());
    }

    [Fact]
    public void Output_FromTheGuest_ReachesThePortsHost()
    {
        Open();
        Send(0, "to the terminal");
        Send(1, "to the pipe");
        Assert.Equal("to the terminal", ReadHost(_terminal, 15));
        Assert.Equal("to the pipe", ReadHost(_pipe, 11));
    }

    [Fact]
    public void Output_HostIsBehind_IsHeldAndNothingIsLost()
    {
        Open();
        string text = string.Concat(Enumerable.Range(0, 40).Select(i => $"{i:D5}"));
        Send(1, text);
        Assert.True(_console.HasPendingOutput);
        Assert.False(_queues[5].TryGetUsed(out _, out _));
        StringBuilder received = new();
        while (received.Length < text.Length)
        {
            received.Append(ReadHost(_pipe, Math.Min(8, text.Length - received.Length)));
            _time.RunDue();
        }
        Assert.Equal(text, received.ToString());
        Assert.True(_queues[5].TryGetUsed(out _, out _));
        Assert.False(_console.HasPendingOutput);
    }

    [Fact]
    public void Input_FromTheHost_FillsTheGuestsBuffers()
    {
        Open();
        AddBuffer(1, 0, 8);
        _pipe.Host.Write("0123456789"u8);
        _time.RunDue();
        Assert.True(_queues[4].TryGetUsed(out _, out uint length));
        Assert.Equal(8u, length);
        AddBuffer(1, 1, 8);
        Assert.True(_queues[4].TryGetUsed(out _, out length));
        Assert.Equal(2u, length);
        Assert.Equal("01234567", Encoding.ASCII.GetString(_bench.Read(BufferOf(1, 0), 8)));
        Assert.Equal("89", Encoding.ASCII.GetString(_bench.Read(BufferOf(1, 1), 2)));
    }

    [Fact]
    public void Input_PipeThatNobodyHasOpen_WaitsForTheOpen()
    {
        Start(Features);
        SendControl(0, 0, 1);
        SendControl(1, 3, 1);
        AddBuffer(1, 0, 8);
        _pipe.Host.Write("early"u8);
        _time.RunDue();
        Assert.False(_queues[4].TryGetUsed(out _, out _));
        SendControl(1, 6, 1);
        Assert.True(_queues[4].TryGetUsed(out _, out uint length));
        Assert.Equal(5u, length);
    }

    [Fact]
    public void Input_HostEnds_GuestHearsItAfterTheLastByte()
    {
        Open();
        _pipe.Host.Write("last"u8);
        _pipe.CompleteInput();
        _time.RunDue();
        Assert.Empty(ReceiveControl());
        AddBuffer(1, 0, 8);
        Assert.True(_queues[4].TryGetUsed(out _, out uint length));
        Assert.Equal(4u, length);
        Assert.Equal(["1 6 0"], ReceiveControl());
    }

    [Fact]
    public void Input_HostEndedBeforeTheGuestCame_IsOpenFirstAndThenEnds()
    {
        _pipe.CompleteInput();
        _time.RunDue();
        Start(Features);
        SendControl(1, 3, 1);
        Assert.Equal(["1 7 1 " + Convert.ToHexString("doppel.stdin"u8), "1 6 1"], ReceiveControl());
        SendControl(1, 6, 1);
        Assert.Equal(["1 6 0"], ReceiveControl());
    }

    [Fact]
    public async Task Close_ByTheGuest_EndsTheHostsReadAfterTheLastByte()
    {
        Open();
        Send(1, new string('x', 100));
        SendControl(1, 6, 0);
        byte[] buffer = new byte[200];
        Assert.Equal(64, await _pipe.Host.ReadAsync(buffer));
        _time.RunDue();
        Assert.Equal(36, await _pipe.Host.ReadAsync(buffer));
        Assert.Equal(0, await _pipe.Host.ReadAsync(buffer));
        SendControl(1, 6, 1);
        Send(1, "again");
        Assert.Equal(5, await _pipe.Host.ReadAsync(buffer));
    }

    [Fact]
    public void Resize_ByTheHost_ReachesConfigAndTerminalsOnly()
    {
        Open();
        uint generation = _bench.Transport.Read32(0x0FC);
        _console.Resize(new ConsoleSize(132, 50));
        _time.RunDue();
        Assert.Equal(["0 5 0 84003200"], ReceiveControl());
        Assert.Equal(132u | (50u << 16), _bench.Transport.Read32(0x100));
        Assert.NotEqual(generation, _bench.Transport.Read32(0x0FC));
        Assert.NotEqual(0u, _bench.Transport.Read32(0x060) & 2);
    }

    [Fact]
    public void SinglePort_DriverWithoutMultiport_TalksToTheFirstPort()
    {
        Start(VirtioBench.Version1);
        Send(0, "plain");
        Assert.Equal("plain", ReadHost(_terminal, 5));
        AddBuffer(0, 0, 8);
        _terminal.Host.Write("in"u8);
        _time.RunDue();
        Assert.True(_queues[0].TryGetUsed(out _, out uint length));
        Assert.Equal(2u, length);
    }

    [Fact]
    public void EmergencyWrite_BeforeAnyQueue_PrintsACharacter()
    {
        _bench.Transport.Write32(0x108, 'E');
        Assert.Equal("E", ReadHost(_terminal, 1));
    }

    [Theory]
    [InlineData(9u, 3, 1)]
    [InlineData(uint.MaxValue, 6, 1)]
    [InlineData(1u, 99, 1)]
    public void Control_UnknownPortOrEvent_IsIgnored(uint port, ushort kind, ushort value)
    {
        Start(Features);
        SendControl(port, kind, value);
        Assert.Empty(ReceiveControl());
        Assert.Equal(15u, _bench.Status);
    }

    [Fact]
    public async Task Reset_WithOutputHeld_HandsItOverAndEndsTheHostsRead()
    {
        Open();
        Send(1, new string('x', 100));
        Send(1, new string('x', 50));
        _bench.Transport.Write32(0x070, 0);
        Assert.False(_console.HasPendingOutput);
        byte[] buffer = new byte[200];
        Assert.Equal(150, await _pipe.Host.ReadAsync(buffer));
        Assert.Equal(0, await _pipe.Host.ReadAsync(buffer));
        Open();
        Send(1, "new life");
        Assert.Equal("new life", ReadHost(_pipe, 8));
    }

    [Fact]
    public async Task Dispose_WithOutputHeld_HandsItOver()
    {
        Open();
        Send(1, new string('x', 100));
        _console.Dispose();
        byte[] buffer = new byte[200];
        Assert.Equal(100, await _pipe.Host.ReadAsync(buffer));
        Assert.Equal(0, await _pipe.Host.ReadAsync(buffer));
    }

    [Fact]
    public void QueueReset_WithOutputHeld_LeavesTheDriversBufferAlone()
    {
        Open(VirtioBench.RingReset);
        Send(1, new string('x', 100));
        _bench.Transport.Write32(0x030, 5);
        _bench.Transport.Write32(0x0C0, 1);
        ReadHost(_pipe, 64);
        _time.RunDue();
        Assert.Equal(0, _pipe.PendingOutput);
        Assert.False(_console.HasPendingOutput);
    }

    private static ulong BufferOf(int port, int slot) => Buffers + 0x4000 + ((ulong)port * 0x4000) + ((ulong)slot * 0x400);

    private static string ReadHost(CharChannel channel, int count)
    {
        byte[] buffer = new byte[count];
        channel.Host.ReadExactly(buffer);
        return Encoding.ASCII.GetString(buffer);
    }

    private void Start(ulong features, int controlBuffers = 16)
    {
        _bench.Memory.TryWrite(VirtioBench.Ram + 0x8_0000, new byte[0x2_0000]);
        _bench.Negotiate(features);
        _queues = [.. Enumerable.Range(0, 6).Select(i => _bench.CreateQueue(i))];
        _bench.Start();
        AddControlBuffers(controlBuffers);
    }

    private void Open(ulong features = 0)
    {
        Start(Features | features);
        SendControl(0, 0, 1);
        SendControl(0, 3, 1);
        SendControl(0, 6, 1);
        SendControl(1, 3, 1);
        SendControl(1, 6, 1);
        ReceiveControl();
    }

    private void AddControlBuffers(int count)
    {
        for (int i = 0; i < count; i++) _queues[2].Add((Buffers + 0x2000 + ((ulong)i * 0x80), 0x80, true));
        _queues[2].Notify();
    }

    private void SendControl(uint port, ushort kind, ushort value)
    {
        _bench.Memory.TryWrite(Buffers, port);
        _bench.Memory.TryWrite(Buffers + 4, kind);
        _bench.Memory.TryWrite(Buffers + 6, value);
        _queues[3].Add((Buffers, 8, false));
        _queues[3].Notify();
        Assert.True(_queues[3].TryGetUsed(out _, out _));
    }

    /// <summary>Takes all messages as "port event value rest", and gives their buffers back.</summary>
    private List<string> ReceiveControl()
    {
        List<string> messages = [];
        while (_queues[2].TryGetUsed(out uint head, out uint length))
        {
            ulong address = Buffers + 0x2000 + (head * 0x80);
            byte[] m = _bench.Read(address, (int)length);
            string rest = Convert.ToHexString(m.AsSpan(8));
            messages.Add($"{BitConverter.ToUInt32(m)} {BitConverter.ToUInt16(m, 4)} {BitConverter.ToUInt16(m, 6)} {rest}".TrimEnd());
            _queues[2].Add((address, 0x80, true));
        }
        return messages;
    }

    private void Send(int port, string text)
    {
        _bench.Memory.TryWrite(Buffers + 0x1000, Encoding.ASCII.GetBytes(text));
        DriverQueue queue = _queues[port == 0 ? 1 : 5];
        queue.Add((Buffers + 0x1000, text.Length, false));
        queue.Notify();
    }

    private void AddBuffer(int port, int slot, int length)
    {
        DriverQueue queue = _queues[port == 0 ? 0 : 4];
        queue.Add((BufferOf(port, slot), length, true));
        queue.Notify();
    }
}
