using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

/// <summary>
/// An auto-reset event whose wait has nanosecond resolution (the runtime's own waits count in milliseconds, which is
/// coarser than a guest's timer tick). Thread contract: <see cref="Set"/> from any thread; one thread waits at a time.
/// </summary>
public sealed unsafe class HostEvent : IDisposable
{
    private readonly SafeFileHandle _handle;

    /// <summary>Creates an event that is not set.</summary>
    /// <exception cref="HostException">The host has no file descriptors left.</exception>
    public HostEvent()
    {
        int fd = Interop.EventFd(0, Interop.EfdCloexec | Interop.EfdNonblock);
        if (fd < 0) throw HostException.FromErrno("eventfd", "a machine's event");
        _handle = new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>What is readable while the event is set.</summary>
    internal SafeFileHandle Handle => _handle;

    /// <summary>Sets the event; the waiting thread, or the next one, returns. Ignored after <see cref="Dispose"/>.</summary>
    public void Set()
    {
        try
        {
            using HeldDescriptor fd = new(_handle);
            ulong one = 1;
            // SAFETY: the descriptor is held open and the buffer is a local of eight bytes.
            unsafe { _ = Interop.Write(fd.Value, &one, sizeof(ulong)); }
        }
        catch (ObjectDisposedException)
        {
            // Whoever disposed the event no longer waits for it.
        }
    }

    /// <summary>Waits until the event is set, and resets it.</summary>
    /// <param name="timeoutNs">Longest wait in nanoseconds; negative waits for ever.</param>
    /// <returns>True if the event was set, false after the timeout.</returns>
    public bool Wait(long timeoutNs)
    {
        using HeldDescriptor fd = new(_handle);
        Interop.PollFd poll = new() { Fd = fd.Value, Events = Interop.PollIn };
        Interop.TimeSpec timeout = new() { Seconds = timeoutNs / 1_000_000_000, Nanoseconds = timeoutNs % 1_000_000_000 };
        ulong count;
        // SAFETY: all pointers are to locals that outlive the calls; the descriptor is held open.
        unsafe
        {
            if (Interop.Ppoll(&poll, 1, timeoutNs < 0 ? null : &timeout, null) <= 0) return false;
            return Interop.Read(fd.Value, &count, sizeof(ulong)) == sizeof(ulong);
        }
    }

    /// <summary>Closes the event.</summary>
    public void Dispose() => _handle.Dispose();
}
