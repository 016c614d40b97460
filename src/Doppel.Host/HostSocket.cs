using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

/// <summary>What a <see cref="HostSocket"/> carries.</summary>
public enum HostSocketKind : byte
{
    /// <summary>TCP.</summary>
    Stream,

    /// <summary>UDP.</summary>
    Datagram,

    /// <summary>ICMP or ICMPv6 echo without privileges, where the host allows it (<c>net.ipv4.ping_group_range</c>).</summary>
    Echo,
}

/// <summary>
/// An Internet socket of the host that never blocks and whose failures are values: a guest's packets decide what is asked of it, thousands
/// of times a second. Thread contract: one thread at a time.
/// </summary>
public sealed unsafe class HostSocket : IDisposable
{
    private HostSocket(SafeFileHandle handle) => Handle = handle;

    internal SafeFileHandle Handle { get; }

    /// <summary>The endpoint that the socket is bound to.</summary>
    public IpEndpoint LocalEndpoint
    {
        get
        {
            Span<byte> address = stackalloc byte[IpEndpoint.SockAddrBytes];
            address.Clear();
            uint length = IpEndpoint.SockAddrBytes;
            // SAFETY: both pointers are to locals, and length says how long the buffer is.
            unsafe
            {
                fixed (byte* p = address) _ = Interop.GetSockName(Handle, p, &length);
            }
            return IpEndpoint.ReadSockAddr(address);
        }
    }

    /// <summary>Opens a socket; null if the host does not let us.</summary>
    public static HostSocket? TryOpen(HostSocketKind kind, bool v6, out HostSocketError error)
    {
        int type = (kind == HostSocketKind.Stream ? Interop.SockStream : Interop.SockDgram) | Interop.SockNonblock | Interop.SockCloexec;
        int protocol = kind != HostSocketKind.Echo ? 0 : v6 ? Interop.IpprotoIcmp6 : Interop.IpprotoIcmp;
        int fd = Interop.Socket(v6 ? Interop.AfInet6 : Interop.AfInet, type, protocol);
        error = fd < 0 ? HostSocketErrors.Last() : HostSocketError.None;
        if (fd < 0) return null;
        HostSocket socket = new(new SafeFileHandle(fd, ownsHandle: true));
        if (v6) socket.SetOption(Interop.IpprotoIp6, Interop.Ipv6V6Only, 1);
        return socket;
    }

    /// <summary>Takes a local endpoint.</summary>
    public HostSocketError Bind(in IpEndpoint local)
    {
        Span<byte> address = stackalloc byte[IpEndpoint.SockAddrBytes];
        int length = local.WriteSockAddr(address);
        // SAFETY: the address is a local that outlives the call.
        unsafe
        {
            fixed (byte* p = address) return Interop.Bind(Handle, p, (uint)length) == 0 ? HostSocketError.None : HostSocketErrors.Last();
        }
    }

    /// <summary>Lets clients connect, also while connections of an earlier listener on this port linger.</summary>
    public HostSocketError Listen(in IpEndpoint local, int backlog)
    {
        SetOption(Interop.SolSocket, Interop.SoReuseAddr, 1);
        HostSocketError bound = Bind(local);
        if (bound != HostSocketError.None) return bound;
        return Interop.Listen(Handle, backlog) == 0 ? HostSocketError.None : HostSocketErrors.Last();
    }

    /// <summary>Connects, or starts to: on <see cref="HostSocketError.WouldBlock"/> wait for writability, then <see cref="TakeError"/>.</summary>
    public HostSocketError Connect(in IpEndpoint remote)
    {
        Span<byte> address = stackalloc byte[IpEndpoint.SockAddrBytes];
        int length = remote.WriteSockAddr(address);
        // SAFETY: the address is a local that outlives the call.
        unsafe
        {
            fixed (byte* p = address) return Interop.Connect(Handle, p, (uint)length) == 0 ? HostSocketError.None : HostSocketErrors.Last();
        }
    }

    /// <summary>Takes a client from a listener; null if none waits or it has gone again.</summary>
    public HostSocket? TryAccept(out IpEndpoint peer)
    {
        Span<byte> address = stackalloc byte[IpEndpoint.SockAddrBytes];
        address.Clear();
        uint length = IpEndpoint.SockAddrBytes;
        int fd;
        // SAFETY: both pointers are to locals, and length says how long the buffer is.
        unsafe
        {
            fixed (byte* p = address) fd = Interop.Accept4(Handle, p, &length, Interop.SockNonblock | Interop.SockCloexec);
        }
        peer = fd < 0 ? default : IpEndpoint.ReadSockAddr(address);
        return fd < 0 ? null : new HostSocket(new SafeFileHandle(fd, ownsHandle: true));
    }

    /// <summary>Receives what there is. Zero with <see cref="HostSocketError.None"/> is the end of a stream, or an empty datagram.</summary>
    public int Receive(Span<byte> buffer, out HostSocketError error)
    {
        nint count;
        // SAFETY: the buffer is pinned for the call, which writes no more than its length.
        unsafe
        {
            fixed (byte* p = buffer) count = Interop.Recv(Handle, p, (nuint)buffer.Length, 0);
        }
        return Result(count, out error);
    }

    /// <summary>Receives one datagram and tells from where.</summary>
    public int ReceiveFrom(Span<byte> buffer, out IpEndpoint from, out HostSocketError error)
    {
        Span<byte> address = stackalloc byte[IpEndpoint.SockAddrBytes];
        address.Clear();
        uint length = IpEndpoint.SockAddrBytes;
        nint count;
        // SAFETY: the buffer is pinned for the call, which writes no more than its length; the address is a local of the length given.
        unsafe
        {
            fixed (byte* p = buffer, a = address) count = Interop.RecvFrom(Handle, p, (nuint)buffer.Length, 0, a, &length);
        }
        from = IpEndpoint.ReadSockAddr(address);
        return Result(count, out error);
    }

    /// <summary>Sends as much as the host takes now.</summary>
    public int Send(ReadOnlySpan<byte> data, out HostSocketError error)
    {
        nint count;
        // SAFETY: the data is pinned for the call, which reads no more than its length.
        unsafe
        {
            fixed (byte* p = data) count = Interop.Send(Handle, p, (nuint)data.Length, Interop.MsgNoSignal);
        }
        return Result(count, out error);
    }

    /// <summary>Sends one datagram.</summary>
    public int SendTo(ReadOnlySpan<byte> data, in IpEndpoint to, out HostSocketError error)
    {
        Span<byte> address = stackalloc byte[IpEndpoint.SockAddrBytes];
        int length = to.WriteSockAddr(address);
        nint count;
        // SAFETY: data and address are pinned for the call, which reads no more than their lengths.
        unsafe
        {
            fixed (byte* p = data, a = address) count = Interop.SendTo(Handle, p, (nuint)data.Length, Interop.MsgNoSignal, a, (uint)length);
        }
        return Result(count, out error);
    }

    /// <summary>Tells the peer that no more data follows; receiving goes on.</summary>
    public void ShutdownSend() => _ = Interop.Shutdown(Handle, Interop.ShutWrite);

    /// <summary>Takes the error that waits on the socket: how a connection attempt ended.</summary>
    public HostSocketError TakeError()
    {
        int errno = 0;
        uint length = sizeof(int);
        // SAFETY: both pointers are to locals, and length says how long the value is.
        unsafe
        {
            if (Interop.GetSockOpt(Handle, Interop.SolSocket, Interop.SoError, &errno, &length) != 0) return HostSocketErrors.Last();
        }
        return HostSocketErrors.FromErrno(errno);
    }

    /// <summary>
    /// Makes a TCP socket fit to carry on another's stream: small pieces go at once, since whoever wrote them has decided how to cut it; urgent
    /// bytes stay in their place; and a peer that is gone without a word is noticed, in hours, also by those who only wait.
    /// </summary>
    public void SetStreamOptions()
    {
        SetOption(Interop.IpprotoTcp, Interop.TcpNoDelay, 1);
        SetOption(Interop.SolSocket, Interop.SoOobInline, 1);
        SetOption(Interop.SolSocket, Interop.SoKeepAlive, 1);
    }

    /// <summary>Lets the peer see a reset, and not an end, when the socket is closed.</summary>
    public void ResetOnClose()
    {
        // struct linger: on, zero seconds.
        long linger = BitConverter.IsLittleEndian ? 1L : 1L << 32;
        // SAFETY: the value is a local of the length given.
        unsafe { _ = Interop.SetSockOpt(Handle, Interop.SolSocket, Interop.SoLinger, &linger, sizeof(long)); }
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose() => Handle.Dispose();

    private static int Result(nint count, out HostSocketError error)
    {
        error = count < 0 ? HostSocketErrors.Last() : HostSocketError.None;
        return count < 0 ? 0 : (int)count;
    }

    private void SetOption(int level, int name, int value)
    {
        // SAFETY: the value is a local of the length given.
        unsafe { _ = Interop.SetSockOpt(Handle, level, name, &value, sizeof(int)); }
    }
}
