namespace Doppel.Host.Terminal;

/// <summary>
/// Standard input, output or error as plain bytes. Unlike the runtime's own streams it reports a broken pipe, and it never seeks, so
/// that two streams into one file do not overwrite each other. Thread contract: one reader and one writer at a time.
/// </summary>
/// <param name="fd">File descriptor; it is not closed.</param>
public sealed class StandardStream(int fd) : ByteStream
{
    /// <inheritdoc/>
    public override bool CanRead => fd == 0;

    /// <inheritdoc/>
    public override bool CanWrite => fd != 0;

    /// <summary>Waits for bytes.</summary>
    /// <returns>How many were read; zero at the end, also when the terminal has gone.</returns>
    public override int Read(Span<byte> buffer)
    {
        while (true)
        {
            nint read;
            // SAFETY: the span is pinned and its length is passed.
            unsafe
            {
                fixed (byte* pointer = buffer) read = Interop.Read(fd, pointer, (nuint)buffer.Length);
            }
            if (read >= 0) return (int)read;
            HostException error = HostException.FromErrno("read", Name);
            if (error.Errno == Interop.EIO) return 0;
            if (!MayRetry(error.Errno, Interop.PollIn)) throw error;
        }
    }

    /// <summary>Writes all bytes.</summary>
    /// <exception cref="HostException">The reader has gone (<see cref="HostException.IsBrokenPipe"/>), or the file can not be written.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            nint written;
            // SAFETY: the span is pinned and its length is passed; write only reads from it.
            unsafe
            {
                fixed (byte* pointer = buffer) written = Interop.Write(fd, pointer, (nuint)buffer.Length);
            }
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
                continue;
            }
            HostException error = HostException.FromErrno("write", Name);
            if (!MayRetry(error.Errno, Interop.PollOut)) throw error;
        }
    }

    private string Name => fd switch { 0 => "standard input", 1 => "standard output", _ => "standard error" };

    // Another process that shares the terminal may have made it non-blocking: then wait until it is ready.
    private bool MayRetry(int errno, short events)
    {
        if (errno == Interop.EINTR) return true;
        if (errno != Interop.EAGAIN) return false;
        Interop.PollFd poll = new() { Fd = fd, Events = events };
        // SAFETY: the pointer is to a local that outlives the call.
        unsafe { _ = Interop.Ppoll(&poll, 1, null, null); }
        return true;
    }
}
