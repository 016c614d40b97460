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

    /// <summary>Sets the event; the waiting thread, or the next one, returns. Ignored after <see cref="Dispose"/>.</summary>
    public void Set()
    {
        bool held = false;
        try
        {
            _handle.DangerousAddRef(ref held);
            ulong one = 1;
            // SAFETY: the handle is held open by DangerousAddRef and the buffer is a local of eight bytes.
            unsafe { _ = Interop.Write((int)_handle.DangerousGetHandle(), &one, sizeof(ulong)); }
        }
        catch (ObjectDisposedException)
        {
            // Whoever disposed the event no longer waits for it.
        }
        finally
        {
            if (held) _handle.DangerousRelease();
        }
    }

    /// <summary>Waits until the event is set, and resets it.</summary>
    /// <param name="timeoutNs">Longest wait in nanoseconds; negative waits for ever.</param>
    /// <returns>True if the event was set, false after the timeout.</returns>
    public bool Wait(long timeoutNs)
    {
        bool held = false;
        try
        {
            _handle.DangerousAddRef(ref held);
            int fd = (int)_handle.DangerousGetHandle();
            Interop.PollFd poll = new() { Fd = fd, Events = Interop.PollIn };
            Interop.TimeSpec timeout = new() { Seconds = timeoutNs / 1_000_000_000, Nanoseconds = timeoutNs % 1_000_000_000 };
            ulong count;
            // SAFETY: all pointers are to locals that outlive the calls; the handle is held open.
            unsafe
            {
                if (Interop.Ppoll(&poll, 1, timeoutNs < 0 ? null : &timeout, null) <= 0) return false;
                return Interop.Read(fd, &count, sizeof(ulong)) == sizeof(ulong);
            }
        }
        finally
        {
            if (held) _handle.DangerousRelease();
        }
    }

    /// <summary>Does something with the descriptor, which is readable while the event is set, and is held open meanwhile.</summary>
    internal int WithDescriptor(Func<int, int> action)
    {
        bool held = false;
        try
        {
            _handle.DangerousAddRef(ref held);
            return action((int)_handle.DangerousGetHandle());
        }
        finally
        {
            if (held) _handle.DangerousRelease();
        }
    }

    /// <summary>Closes the event.</summary>
    public void Dispose() => _handle.Dispose();
}
