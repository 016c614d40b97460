namespace Doppel.Host;

/// <summary>
/// Memory for generated code, mapped twice: once writable and once executable (W^X), so that code is never writable where it runs.
/// Thread contract: the mappings live as long as the object; who writes where is the code cache's business.
/// </summary>
public sealed class ExecutableMemory : IDisposable
{
    private readonly int _fd;
    private bool _disposed;

    private ExecutableMemory(int fd, nint writable, nint executable, nuint length)
    {
        _fd = fd;
        Writable = writable;
        Executable = executable;
        Length = length;
    }

    /// <summary>Address of the view that is read-write.</summary>
    public nint Writable { get; }

    /// <summary>Address of the view that is read-execute. Both views show the same bytes.</summary>
    public nint Executable { get; }

    /// <summary>Length in bytes of each view.</summary>
    public nuint Length { get; }

    /// <summary>Reserves both views; pages are committed on first touch.</summary>
    /// <param name="name">Name that <c>/proc/PID/maps</c> shows.</param>
    /// <param name="length">Length in bytes, a multiple of 4096.</param>
    /// <exception cref="HostException">The host refuses a mapping.</exception>
    public static ExecutableMemory Create(string name, nuint length)
    {
        int fd = Interop.MemfdCreate(name, Interop.MfdCloexec);
        if (fd < 0) throw HostException.FromErrno("memfd_create", name);
        nint writable = -1, executable = -1;
        if (Interop.Ftruncate(fd, (long)length) == 0)
        {
            writable = Interop.Mmap(0, length, Interop.ProtRead | Interop.ProtWrite, Interop.MapShared, fd, 0);
            executable = Interop.Mmap(0, length, Interop.ProtRead | Interop.ProtExec, Interop.MapShared, fd, 0);
        }
        if (writable != -1 && executable != -1) return new ExecutableMemory(fd, writable, executable, length);
        HostException error = HostException.FromErrno("mmap", $"{name}, {length} bytes of code");
        if (writable != -1) _ = Interop.Munmap(writable, length);
        if (executable != -1) _ = Interop.Munmap(executable, length);
        _ = Interop.Close(fd);
        throw error;
    }

    /// <summary>Unmaps both views. No thread may run code in them any more.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _ = Interop.Munmap(Writable, Length);
        _ = Interop.Munmap(Executable, Length);
        _ = Interop.Close(_fd);
    }
}
