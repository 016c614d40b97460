using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>The host's operating system refused something. The message names the call, the resource and the reason.</summary>
public sealed class HostException : IOException
{
    /// <summary>Creates the exception with a finished message.</summary>
    public HostException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a finished message and its cause.</summary>
    public HostException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an exception with no detail.</summary>
    public HostException()
    {
    }

    /// <summary>The C library's error number, or zero.</summary>
    public int Errno { get; private init; }

    /// <summary>True if nobody reads any more what was written.</summary>
    public bool IsBrokenPipe => Errno == Interop.EPIPE;

    /// <summary>True if there was no space for it, or the user may not use more: the same will work once there is.</summary>
    public bool IsOutOfSpace { get; internal init; }

    internal static HostException FromErrno(string call, string resource)
    {
        int errno = Marshal.GetLastPInvokeError();
        return new HostException($"{call} failed for {resource}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})") { Errno = errno };
    }

    /// <summary>As <see cref="FromErrno"/>, for a call that may be made once more: it has either done its work or not.</summary>
    internal static HostException FromWriteErrno(string call, string resource)
    {
        HostException error = FromErrno(call, resource);
        bool isOutOfSpace = error.Errno is Interop.Enospc or Interop.Edquot;
        return new HostException(error.Message) { Errno = error.Errno, IsOutOfSpace = isOutOfSpace };
    }
}
