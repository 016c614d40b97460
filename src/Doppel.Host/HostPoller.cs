using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

/// <summary>What became of a socket since the poller last told.</summary>
/// <param name="Token">The number that the socket was added with.</param>
/// <param name="Readable">Data, a client, the end or an error waits.</param>
/// <param name="Writable">There is room to send, a connection attempt has ended, or an error waits.</param>
public readonly record struct HostPollEvent(ulong Token, bool Readable, bool Writable);

/// <summary>
/// Waits for many sockets at once. It tells of changes only (edge-triggered): whoever is told goes on until the socket would block.
/// Thread contract: <see cref="Wake"/> from any thread, everything else from one.
/// </summary>
public sealed unsafe class HostPoller : IDisposable
{
    private const int Batch = 128;
    private const ulong WakeToken = ulong.MaxValue;

    // struct epoll_event is packed on x86-64 only.
    private static readonly int s_dataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private readonly byte[] _events = GC.AllocateArray<byte>(Batch * (s_dataOffset + sizeof(ulong)), pinned: true);
    private readonly SafeFileHandle _epoll;
    private readonly SafeFileHandle _wake;

    /// <summary>Creates a poller of no sockets.</summary>
    /// <exception cref="HostException">The host has no file descriptors left.</exception>
    public HostPoller()
    {
        int epoll = Interop.EpollCreate(Interop.EpollCloexec);
        if (epoll < 0) throw HostException.FromErrno("epoll_create1", "a network's event loop");
        _epoll = new SafeFileHandle(epoll, ownsHandle: true);
        int wake = Interop.EventFd(0, Interop.EfdCloexec | Interop.EfdNonblock);
        if (wake < 0)
        {
            _epoll.Dispose();
            throw HostException.FromErrno("eventfd", "a network's event loop");
        }
        _wake = new SafeFileHandle(wake, ownsHandle: true);
        Control(_wake, WakeToken, Interop.EpollIn | Interop.EpollEdge);
    }

    /// <summary>Watches a socket until it is closed. False if the host has no memory left.</summary>
    /// <param name="socket">An open socket.</param>
    /// <param name="token">A number that comes back with its events; not the largest.</param>
    public bool TryAdd(HostSocket socket, ulong token)
        => Control(socket.Handle, token, Interop.EpollIn | Interop.EpollOut | Interop.EpollRdHup | Interop.EpollEdge);

    /// <summary>Waits until something happens, <see cref="Wake"/> is called or the time is over.</summary>
    /// <param name="events">Receives what happened.</param>
    /// <param name="timeoutMs">Longest wait in milliseconds; 0 only looks, negative waits for ever.</param>
    /// <returns>How many events there are.</returns>
    public int Wait(Span<HostPollEvent> events, int timeoutMs)
    {
        int count;
        // SAFETY: the array is pinned for its life and holds Batch events.
        unsafe
        {
            fixed (byte* p = _events) count = Interop.EpollWait(_epoll, p, Math.Min(Batch, events.Length), timeoutMs);
        }
        int told = 0;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = _events.AsSpan(i * (s_dataOffset + sizeof(ulong)));
            ulong token = BitConverter.ToUInt64(entry[s_dataOffset..]);
            if (token == WakeToken) continue;
            uint flags = BitConverter.ToUInt32(entry);
            bool failed = (flags & (Interop.EpollErr | Interop.EpollHup)) != 0;
            events[told++] = new(token, failed || (flags & (Interop.EpollIn | Interop.EpollRdHup)) != 0, failed || (flags & Interop.EpollOut) != 0);
        }
        return told;
    }

    /// <summary>Ends the present wait, or the next one. Ignored after <see cref="Dispose"/>.</summary>
    public void Wake()
    {
        try
        {
            using HeldDescriptor fd = new(_wake);
            ulong one = 1;
            // Edge-triggered: each write is told once, so nobody needs to read the counter, which takes 2^64 writes to fill.
            // SAFETY: the descriptor is held open and the buffer is a local of eight bytes.
            unsafe { _ = Interop.Write(fd.Value, &one, sizeof(ulong)); }
        }
        catch (ObjectDisposedException)
        {
            // Whoever disposed the poller no longer waits.
        }
    }

    /// <summary>Closes the poller; the sockets stay open.</summary>
    public void Dispose()
    {
        _epoll.Dispose();
        _wake.Dispose();
    }

    private bool Control(SafeFileHandle handle, ulong token, uint flags)
    {
        Span<byte> entry = stackalloc byte[s_dataOffset + sizeof(ulong)];
        entry.Clear();
        BitConverter.TryWriteBytes(entry, flags);
        BitConverter.TryWriteBytes(entry[s_dataOffset..], token);
        // SAFETY: the event is a local that outlives the call.
        unsafe
        {
            fixed (byte* p = entry) return Interop.EpollControl(_epoll, Interop.EpollAdd, handle, p) == 0;
        }
    }
}
