using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Doppel.Devices.Backends.Net;
using Doppel.Host.Probes;
using Microsoft.Win32.SafeHandles;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>
/// A guest whose network stack is that of the host's Linux kernel, in a network namespace of its own: a TAP device there stands for its
/// network card, with the offloads that a virtio driver would choose.
/// </summary>
internal sealed unsafe class TapGuest : INetReceiver, IDisposable
{
    private const int Tap = 2, NoPacketInfo = 0x1000, VnetHeader = 0x4000;
    private const nuint SetInterface = 0x4004_54ca, SetOffload = 0x4004_54d0, SetHeaderSize = 0x4004_54d8;
    private const int OffloadChecksum = 1, OffloadTcp4 = 2, OffloadTcp6 = 4;
    private const int Header = 12;

    private readonly INetBackend _backend;
    private readonly SafeFileHandle _tap;
    private readonly byte[] _out = new byte[Header + (70 << 10)];
    private readonly Thread _reader;
    private readonly int _stop;
    private volatile bool _stopped;

    internal TapGuest(INetBackend backend, bool offloads, NetImpairer? impairer = null)
    {
        _backend = backend;
        Impairer = impairer;
        Capabilities = offloads ? NetCapabilities.All with { Udp = false } : NetCapabilities.Plain;
        _stop = EventFd(0, 0);
        _tap = Namespace.Run(() => Open(offloads));
        // Else the kernel waits for up to a second before it asks for a router.
        Namespace.Run(static () => File.WriteAllText("/proc/sys/net/ipv6/conf/tap0/router_solicitation_delay", "0"));
        Namespace.Ip("link set tap0 up");
        Namespace.Ip("address add 10.0.2.15/24 dev tap0");
        Namespace.Ip("route add default via 10.0.2.2");
        _reader = new Thread(Read) { IsBackground = true, Name = "tap" };
        backend.Attach(this);
        _reader.Start();
    }

    internal NetworkNamespace Namespace { get; } = new();

    public NetCapabilities Capabilities { get; }

    internal NetImpairer? Impairer { get; }

    public bool TryReceive(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        if (Impairer is { } impairer) impairer.Pass(frame, offload, WriteFrame);
        else WriteFrame(frame, offload);
        return true;
    }

    public void Dispose()
    {
        _stopped = true;
        ulong one = 1;
        _ = Write(_stop, &one, sizeof(ulong));
        _reader.Join();
        _backend.Dispose();
        _tap.Dispose();
        _ = Close(_stop);
        Namespace.Dispose();
    }

    private static SafeFileHandle Open(bool offloads)
    {
        string? why = HostFacts.WhyNotUsable("/dev/net/tun");
        Assert.True(why is null, $"This test needs /dev/net/tun, and root: {why}");
        SafeFileHandle tap = File.OpenHandle("/dev/net/tun", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        byte[] request = new byte[40];
        Encoding.ASCII.GetBytes("tap0").CopyTo(request, 0);
        BitConverter.TryWriteBytes(request.AsSpan(16), (short)(Tap | NoPacketInfo | VnetHeader));
        int headerSize = Header;
        fixed (byte* p = request) Assert.Equal(0, Ioctl(tap, SetInterface, p));
        Assert.Equal(0, Ioctl(tap, SetHeaderSize, &headerSize));
        if (offloads) Assert.Equal(0, Ioctl(tap, SetOffload, (void*)(OffloadChecksum | OffloadTcp4 | OffloadTcp6)));
        return tap;
    }

    // The header is struct virtio_net_hdr_mrg_rxbuf, as in virtio 1.2, 5.1.6.
    private void Read()
    {
        byte[] buffer = new byte[Header + (70 << 10)];
        PollFd* polls = stackalloc PollFd[2];
        while (!_stopped)
        {
            polls[0] = new PollFd { Fd = (int)_tap.DangerousGetHandle(), Events = 1 };
            polls[1] = new PollFd { Fd = _stop, Events = 1 };
            if (Poll(polls, 2, -1) <= 0 || polls[1].Revents != 0) continue;
            nint count;
            fixed (byte* p = buffer) count = Read((int)_tap.DangerousGetHandle(), p, (nuint)buffer.Length);
            if (count <= Header) continue;
            ReadOnlySpan<byte> frame = buffer.AsSpan(Header, (int)count - Header);
            NetOffload offload = new(
                (buffer[0] & 1) != 0, BitConverter.ToUInt16(buffer, 6), BitConverter.ToUInt16(buffer, 8), ToSegmentation(buffer[1]),
                BitConverter.ToUInt16(buffer, 4), BitConverter.ToUInt16(buffer, 2), false);
            if (Impairer is { } impairer) impairer.Pass(frame, offload, Transmit);
            else Transmit(frame, offload);
        }
    }

    private void Transmit(ReadOnlySpan<byte> frame, in NetOffload offload) => _backend.Transmit(frame, offload);

    private void WriteFrame(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        lock (_out)
        {
            _out.AsSpan(0, Header).Clear();
            _out[0] = (byte)(offload.NeedsChecksum ? 1 : 0);
            _out[1] = offload.Segmentation switch { NetSegmentation.Tcp4 => 1, NetSegmentation.Tcp6 => 4, _ => 0 };
            BinaryPrimitives.WriteUInt16LittleEndian(_out.AsSpan(2), offload.HeaderLength);
            BinaryPrimitives.WriteUInt16LittleEndian(_out.AsSpan(4), offload.SegmentSize);
            BinaryPrimitives.WriteUInt16LittleEndian(_out.AsSpan(6), offload.ChecksumStart);
            BinaryPrimitives.WriteUInt16LittleEndian(_out.AsSpan(8), offload.ChecksumOffset);
            frame.CopyTo(_out.AsSpan(Header));
            fixed (byte* p = _out) _ = Write((int)_tap.DangerousGetHandle(), p, (nuint)(Header + frame.Length));
        }
    }

    private static NetSegmentation ToSegmentation(byte kind) => (kind & 0x7f) switch
    {
        1 => NetSegmentation.Tcp4,
        4 => NetSegmentation.Tcp6,
        _ => NetSegmentation.None,
    };

    [StructLayout(LayoutKind.Sequential)]
    private struct PollFd
    {
        internal int Fd;
        internal short Events, Revents;
    }

    [DllImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static extern int Ioctl(SafeFileHandle file, nuint request, void* argument);

    [DllImport("libc", EntryPoint = "eventfd")]
    private static extern int EventFd(uint initial, int flags);

    [DllImport("libc", EntryPoint = "poll")]
    private static extern int Poll(PollFd* polls, nuint count, int timeout);

    [DllImport("libc", EntryPoint = "read")]
    private static extern nint Read(int fd, void* buffer, nuint length);

    [DllImport("libc", EntryPoint = "write")]
    private static extern nint Write(int fd, void* buffer, nuint length);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int fd);
}
