namespace Doppel.Host.Shares;

/// <summary>
/// Error numbers of the C library (errno(3)) that have the same value on every processor that Linux's generic ABI covers.
/// </summary>
public static class Errno
{
    /// <summary>No error.</summary>
    public const int None = 0;

    /// <summary>Operation not permitted.</summary>
    public const int EPERM = 1;

    /// <summary>No such file or folder.</summary>
    public const int ENOENT = 2;

    /// <summary>Interrupted.</summary>
    public const int EINTR = 4;

    /// <summary>Input/output error.</summary>
    public const int EIO = 5;

    /// <summary>No such device.</summary>
    public const int ENXIO = 6;

    /// <summary>Not a usable descriptor.</summary>
    public const int EBADF = 9;

    /// <summary>Try again.</summary>
    public const int EAGAIN = 11;

    /// <summary>Permission denied.</summary>
    public const int EACCES = 13;

    /// <summary>In use.</summary>
    public const int EBUSY = 16;

    /// <summary>Already there.</summary>
    public const int EEXIST = 17;

    /// <summary>Not a folder.</summary>
    public const int ENOTDIR = 20;

    /// <summary>A folder.</summary>
    public const int EISDIR = 21;

    /// <summary>Invalid argument.</summary>
    public const int EINVAL = 22;

    /// <summary>Too many open files in the system.</summary>
    public const int ENFILE = 23;

    /// <summary>No space.</summary>
    public const int ENOSPC = 28;

    /// <summary>Read-only.</summary>
    public const int EROFS = 30;

    /// <summary>Result too large.</summary>
    public const int ERANGE = 34;

    /// <summary>Argument too long.</summary>
    public const int E2BIG = 7;

    /// <summary>Name too long.</summary>
    public const int ENAMETOOLONG = 36;

    /// <summary>No locks left.</summary>
    public const int ENOLCK = 37;

    /// <summary>Not implemented.</summary>
    public const int ENOSYS = 38;

    /// <summary>Folder not empty.</summary>
    public const int ENOTEMPTY = 39;

    /// <summary>Too many symbolic links.</summary>
    public const int ELOOP = 40;

    /// <summary>No such attribute.</summary>
    public const int ENODATA = 61;

    /// <summary>Protocol error.</summary>
    public const int EPROTO = 71;

    /// <summary>Message too long.</summary>
    public const int EMSGSIZE = 90;

    /// <summary>Not supported.</summary>
    public const int EOPNOTSUPP = 95;

    /// <summary>The file that the handle stood for is gone.</summary>
    public const int ESTALE = 116;
}
