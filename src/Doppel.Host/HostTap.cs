using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

/// <summary>
/// A TAP device of the host: a network interface whose other end is this process. Frames carry the header of virtio in front.
/// Thread contract: one thread reads and waits, one writes; the rest from any thread.
/// </summary>
public sealed unsafe class HostTap : IDisposable
{
    private const string Node = "/dev/net/tun";

    private readonly SafeFileHandle _handle;

    private HostTap(SafeFileHandle handle, string name)
    {
        _handle = handle;
        Name = name;
    }

    /// <summary>Length of the header in front of each frame in bytes: that of virtio without a count of buffers.</summary>
    public static int HeaderSize => 10;

    /// <summary>Name of the interface.</summary>
    public string Name { get; }

    /// <summary>Opens an interface that exists, or creates one that is gone with the process.</summary>
    /// <param name="name">Name of the interface, up to 15 characters; <c>%d</c> in it stands for the first free number.</param>
    /// <exception cref="HostException">The host does not let us; the message says what to type.</exception>
    public static HostTap Open(string name)
    {
        if (Encoding.UTF8.GetByteCount(name) is 0 or >= Interop.IfNameBytes)
            throw new HostException($"Cannot use TAP interface '{name}': a name has 1 to {Interop.IfNameBytes - 1} characters");
        int fd = Interop.Open(Node, Interop.ORdwr | Interop.OCloexec | Interop.ONonblock);
        if (fd < 0) throw Explain(Marshal.GetLastPInvokeError(), name);
        SafeFileHandle handle = new(fd, ownsHandle: true);
        Span<byte> request = stackalloc byte[Interop.IfReqBytes];
        request.Clear();
        Encoding.UTF8.GetBytes(name, request);
        BinaryPrimitives.WriteUInt16LittleEndian(request[Interop.IfNameBytes..], Interop.IffTap | Interop.IffNoPi | Interop.IffVnetHdr);
        int headerSize = HeaderSize, result;
        // SAFETY: the request is as long as struct ifreq and pinned; the size is a local; the kernel keeps neither.
        unsafe
        {
            fixed (byte* p = request) result = Interop.Ioctl(fd, Interop.TunSetIff, p);
            if (result == 0) result = Interop.Ioctl(fd, Interop.TunSetVnetHdrSize, &headerSize);
        }
        if (result == 0) return new HostTap(handle, Encoding.UTF8.GetString(request[..request.IndexOf((byte)0)]));
        HostException error = Explain(Marshal.GetLastPInvokeError(), name);
        handle.Dispose();
        throw error;
    }

    /// <summary>Tells the host what the reader takes: frames that are left to checksum, and to cut.</summary>
    /// <returns>False where the host does not know one of these.</returns>
    public bool TrySetOffloads(bool checksum, bool tcp4, bool tcp6, bool udp)
    {
        uint flags = !checksum ? 0 : Interop.TunCsum | (tcp4 ? Interop.TunTso4 : 0) | (tcp6 ? Interop.TunTso6 : 0)
            | (tcp4 && tcp6 ? Interop.TunTsoEcn : 0) | (udp ? Interop.TunUso4 | Interop.TunUso6 : 0);
        using HeldDescriptor tap = new(_handle);
        return Interop.IoctlValue(tap.Value, Interop.TunSetOffload, flags) == 0;
    }

    /// <summary>Reads one header and its frame.</summary>
    /// <returns>Bytes read; zero if nothing waits; negative if the interface is gone.</returns>
    public int Read(Span<byte> buffer)
    {
        using HeldDescriptor tap = new(_handle);
        nint count;
        // SAFETY: the buffer is pinned for the call, which writes no more than its length; the descriptor is held open.
        unsafe
        {
            fixed (byte* p = buffer) count = Interop.Read(tap.Value, p, (nuint)buffer.Length);
        }
        if (count >= 0) return (int)count;
        return Marshal.GetLastPInvokeError() is Interop.EAGAIN or Interop.EINTR or Interop.EIO ? 0 : -1;
    }

    /// <summary>Writes one header and its frame; false if the host does not take it, as while the interface is down.</summary>
    public bool Write(ReadOnlySpan<byte> packet)
    {
        using HeldDescriptor tap = new(_handle);
        // SAFETY: the packet is pinned for the call, which reads no more than its length; the descriptor is held open.
        unsafe
        {
            fixed (byte* p = packet) return Interop.Write(tap.Value, p, (nuint)packet.Length) == packet.Length;
        }
    }

    /// <summary>Waits until a frame can be read or the event is set.</summary>
    /// <returns>False if the event was set; it is still set.</returns>
    public bool WaitReadable(HostEvent stop)
    {
        using HeldDescriptor tap = new(_handle), end = new(stop.Handle);
        Interop.PollFd* polls = stackalloc Interop.PollFd[2];
        polls[0] = new Interop.PollFd { Fd = tap.Value, Events = Interop.PollIn };
        polls[1] = new Interop.PollFd { Fd = end.Value, Events = Interop.PollIn };
        // SAFETY: both entries are locals, and both descriptors are held open.
        unsafe { _ = Interop.Ppoll(polls, 2, null, null); }
        return polls[1].Revents == 0;
    }

    /// <summary>Closes the interface; one that was created here is gone.</summary>
    public void Dispose() => _handle.Dispose();

    private static HostException Explain(int errno, string name)
    {
        string usual = name.Contains('%', StringComparison.Ordinal) ? "tap0" : name;
        string why = errno switch
        {
            Interop.Enoent or Interop.Enodev or Interop.Enxio => $"the host has no {Node}; load it with `sudo modprobe tun`",
            Interop.Eperm or Interop.Eacces => "not permitted; let the administrator create it for you, once, with "
                + $"`sudo ip tuntap add dev {usual} mode tap user $USER && sudo ip link set {usual} up`, and give --network tap,ifname={usual}",
            Interop.Ebusy => "it is in use by another machine; stop that one, or create another interface",
            Interop.Einval => "there is an interface of that name that is no TAP device, or has several queues; give another name",
            _ => $"{Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})",
        };
        return new HostException($"Cannot use TAP interface {name}: {why}");
    }
}
