using System.Buffers.Binary;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Virtio.Net;
using Doppel.UnitTests.Devices;

namespace Doppel.UnitTests.Net;

/// <summary>A frame as one side got it.</summary>
internal sealed record SeenFrame(byte[] Bytes, NetOffload Offload);

/// <summary>A network device with the driver's side of its queues, written from virtio 1.2 section 5.1, and a cable to the test.</summary>
internal sealed class NetGuest : IDisposable
{
    internal const ulong Checksum = 1 << 0, GuestChecksum = 1 << 1, GuestTso4 = 1 << 7, GuestTso6 = 1 << 8, HostTso4 = 1 << 11, Merge = 1 << 15;
    internal const ulong Control = 1 << 17, ControlRx = 1 << 18, ControlVlan = 1 << 19, ControlRxExtra = 1 << 20, MultiQueue = 1 << 22, ControlMac = 1 << 23;
    internal const ulong GuestOffloads = 1 << 2;
    internal const int Header = 12;
    private const ulong TransmitArea = VirtioBench.Ram, ReceiveArea = VirtioBench.Ram + 0x2_0000, CommandArea = VirtioBench.Ram + 0x7_0000;
    private const int ReceiveStride = 0x1000;
    private readonly DriverQueue[] _receive;
    private readonly DriverQueue[] _transmit;
    private readonly DriverQueue? _control;
    private readonly Dictionary<uint, (ulong Address, int Length)> _buffers = [];
    private int _nextBuffer;

    internal NetGuest(ulong features, int pairs = 1, NetCapabilities? backend = null, bool deterministic = true)
    {
        Time = new ManualTime(deterministic);
        Cable = new LoopbackNetBackend((ReadOnlySpan<byte> frame, in NetOffload offload) => Sent.Add(new(frame.ToArray(), offload)),
            backend ?? NetCapabilities.All, () => Interlocked.Increment(ref ReadyCalls));
        Device = new VirtioNet(Cable, Mac, pairs, Time, DeviceLog.Add);
        Bench = new VirtioBench(Device);
        Bench.Negotiate(VirtioBench.Version1 | features);
        _receive = [.. Enumerable.Range(0, pairs).Select(i => Bench.CreateQueue(2 * i, 32))];
        _transmit = [.. Enumerable.Range(0, pairs).Select(i => Bench.CreateQueue((2 * i) + 1, 32))];
        if ((features & Control) != 0) _control = Bench.CreateQueue((features & MultiQueue) != 0 ? 2 * pairs : 2, 8);
        Bench.Start();
    }

    internal static MacAddress Mac { get; } = new(0x5254_0012_3456);

    internal int ReadyCalls;

    internal ManualTime Time { get; }

    internal LoopbackNetBackend Cable { get; }

    internal VirtioNet Device { get; }

    internal VirtioBench Bench { get; }

    internal List<SeenFrame> Sent { get; } = [];

    internal List<string> DeviceLog { get; } = [];

    public void Dispose() => Bench.Dispose();

    /// <summary>Sends a frame with a header of any bytes.</summary>
    internal void Send(ReadOnlySpan<byte> header, ReadOnlySpan<byte> frame, int pair = 0)
    {
        Bench.Memory.TryWrite(TransmitArea, header);
        Bench.Memory.TryWrite(TransmitArea + 0x100, frame);
        _transmit[pair].Add((TransmitArea, header.Length, false), (TransmitArea + 0x100, frame.Length, false));
        _transmit[pair].Notify();
        while (_transmit[pair].TryGetUsed(out _, out _)) { }
    }

    internal void Send(ReadOnlySpan<byte> frame, int pair = 0) => Send(new byte[Header], frame, pair);

    /// <summary>Gives the device buffers to receive into.</summary>
    internal void Post(int count, int length, int pair = 0)
    {
        for (int i = 0; i < count; i++)
        {
            ulong address = ReceiveArea + (ulong)(_nextBuffer++ % 80 * ReceiveStride);
            _buffers[((uint)pair << 16) | _receive[pair].Add((address, length, true))] = (address, length);
        }
        _receive[pair].Notify();
    }

    /// <summary>Hands a frame to the device as the back end does.</summary>
    internal bool Give(ReadOnlySpan<byte> frame, in NetOffload offload = default)
    {
        bool taken = Cable.TrySend(frame, offload);
        Time.RunDue();
        return taken;
    }

    /// <summary>Takes one received frame, of as many buffers as its header says; null if there is none.</summary>
    internal SeenFrame? Receive(int pair = 0)
    {
        if (Take(pair) is not { } first) return null;
        List<byte> bytes = [.. first];
        int count = BinaryPrimitives.ReadUInt16LittleEndian(first.AsSpan(10));
        for (int i = 1; i < count; i++) bytes.AddRange(Take(pair)!);
        Assert.True(VnetHeader.TryRead(first, bytes.Count - Header, out NetOffload offload));
        return new SeenFrame([.. bytes.Skip(Header)], offload);
    }

    /// <summary>Sends a command; the answer, or null if the device gave none.</summary>
    internal byte? Command(byte group, byte command, params ReadOnlySpan<byte> data)
    {
        Bench.Memory.TryWrite(CommandArea, [group, command]);
        Bench.Memory.TryWrite(CommandArea + 0x10, data);
        Bench.Memory.TryWrite(CommandArea + 0x1000, [(byte)0xEE]);
        _control!.Add((CommandArea, 2, false), (CommandArea + 0x10, data.Length, false), (CommandArea + 0x1000, 1, true));
        _control.Notify();
        return _control.TryGetUsed(out _, out uint written) && written == 1 ? Bench.Read(CommandArea + 0x1000, 1)[0] : null;
    }

    /// <summary>A frame of some length whose content says who it is.</summary>
    internal static byte[] Frame(MacAddress to, int length, int seed = 1)
    {
        byte[] frame = new byte[length];
        new Random(seed).NextBytes(frame);
        to.Write(frame);
        new MacAddress(0x0200_0000_0001).Write(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x88B5);
        return frame;
    }

    private byte[]? Take(int pair)
    {
        if (!_receive[pair].TryGetUsed(out uint head, out uint written)) return null;
        (ulong address, int length) = _buffers[((uint)pair << 16) | head];
        Assert.InRange((int)written, 1, length);
        return Bench.Read(address, (int)written);
    }
}
