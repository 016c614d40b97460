using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Host.Shares;

/// <summary>
/// A file of any type that is held by a descriptor, and, if it is a folder, the names in it. Nothing here follows a symbolic link or
/// takes more than one name at a time, so whatever others rename meanwhile, an operation acts on the file that was found, and a name
/// leads to an entry of that folder or nowhere. Methods give an error number (<see cref="Errno"/>), zero for success: what a guest asks
/// for wrongly is no exception. Thread contract: one thread at a time.
/// </summary>
public sealed class HostEntry : IDisposable
{
    /// <summary>Longest name in bytes.</summary>
    public const int MaxName = 255;

    /// <summary>Longest path or target of a symbolic link in bytes, with the NUL at its end.</summary>
    public const int MaxPath = 4096;

    private const int Common = Interop.OCloexec;
    private const int SelfPathBytes = 32;

    internal HostEntry(SafeFileHandle handle) => Handle = handle;

    internal SafeFileHandle Handle { get; }

    /// <summary>Opens the folder at a path, as the user means it: symbolic links are followed.</summary>
    public static int TryOpenFolder(string path, out HostEntry? folder)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(path + "\0");
        return Wrap(Interop.Openat(Interop.AtFdcwd, in bytes[0], Interop.OPath | Interop.ODirectory | Common, 0), out folder);
    }

    /// <summary>Finds an entry of this folder by its name.</summary>
    public int Find(ReadOnlySpan<byte> name, out HostEntry? entry)
    {
        entry = null;
        Span<byte> path = stackalloc byte[MaxName + 1];
        int error = Terminate(name, path);
        return error != 0 ? error : Wrap(Interop.Openat(Handle, in path[0], Interop.OPath | Interop.ONofollow | Common, 0), out entry);
    }

    /// <summary>
    /// Finds an entry by the names that lead to it from this folder, all of which but the last must be folders. The kernel does it in one
    /// go where it can (openat2); otherwise name by name.
    /// </summary>
    /// <param name="names">The names; none is "." or "..".</param>
    /// <param name="entry">Receives the entry.</param>
    /// <param name="inOneGo">False to go name by name in any case.</param>
    public int FindBeneath(ReadOnlySpan<byte[]> names, out HostEntry? entry, bool inOneGo = true)
    {
        if (inOneGo && names.Length > 1)
        {
            int error = FindInOneGo(names, out entry);
            if (error is not (Errno.ENOSYS or Errno.EPERM or Errno.ENAMETOOLONG or Errno.EAGAIN)) return error;
        }
        entry = null;
        HostEntry? at = null;
        foreach (byte[] name in names)
        {
            int error = (at ?? this).Find(name, out HostEntry? next);
            at?.Dispose();
            if (error != 0) return error;
            at = next;
        }
        entry = at;
        return at is null ? Errno.ENOENT : 0;
    }

    /// <summary>Tells what the host knows of the file.</summary>
    public int GetStatus(out HostFileStatus status)
    {
        Interop.StatxResult raw = default;
        byte nothing = 0;
        int error = Check(Interop.StatxOf(Handle, in nothing, Interop.AtEmptyPath, Interop.StatxBasicAndBirth, ref raw));
        status = error == 0 ? HostFileStatus.From(raw) : default;
        return error;
    }

    /// <summary>Tells about the file system.</summary>
    public int GetFileSystem(out HostFileSystemStatus status)
    {
        Interop.StatfsResult raw = default;
        int error = Check(Interop.Fstatfs(Handle, ref raw));
        status = new HostFileSystemStatus((uint)raw.BlockSize, raw.Blocks, raw.FreeBlocks, raw.AvailableBlocks, raw.Files, raw.FreeFiles);
        return error;
    }

    /// <summary>
    /// Opens the file itself for reading or writing. Pipes, sockets and devices are refused: opening one may wait for ever, or do
    /// something.
    /// </summary>
    public int Open(HostOpenFlags flags, out HostOpenFile? file)
    {
        file = null;
        int error = GetStatus(out HostFileStatus status);
        if (error != 0) return error;
        if (status.IsSymlink) return Errno.ELOOP;
        if (!status.IsRegular && !status.IsFolder) return Errno.ENXIO;
        if (status.IsFolder && flags.MayWrite) return Errno.EISDIR;
        Span<byte> self = stackalloc byte[SelfPathBytes];
        WriteSelfPath(self);
        int bits = flags.Bits | (status.IsFolder ? Interop.ODirectory : 0) | Interop.ONonblock | Common;
        return Wrap(Interop.Openat(Interop.AtFdcwd, in self[0], bits, 0), out file);
    }

    /// <summary>Creates a regular file in this folder under a name that is not taken, and opens it.</summary>
    public int Create(ReadOnlySpan<byte> name, HostOpenFlags flags, uint mode, out HostOpenFile? file)
    {
        file = null;
        Span<byte> path = stackalloc byte[MaxName + 1];
        int error = Terminate(name, path);
        int bits = flags.Bits | Interop.OpenCreate | Interop.OExcl | Interop.ONofollow | Interop.ONonblock | Common;
        return error != 0 ? error : Wrap(Interop.Openat(Handle, in path[0], bits, mode), out file);
    }

    /// <summary>Creates a file without a name in this folder's file system.</summary>
    public int CreateUnnamed(HostOpenFlags flags, uint mode, out HostOpenFile? file)
    {
        ReadOnlySpan<byte> here = "."u8;
        Span<byte> path = stackalloc byte[MaxName + 1];
        Terminate(here, path);
        int bits = flags.WithoutTruncation.Bits | Interop.OTmpfileBit | Interop.ODirectory | Common;
        return Wrap(Interop.Openat(Handle, in path[0], bits, mode), out file);
    }

    /// <summary>Creates a folder.</summary>
    public int MakeFolder(ReadOnlySpan<byte> name, uint mode)
    {
        Span<byte> path = stackalloc byte[MaxName + 1];
        int error = Terminate(name, path);
        return error != 0 ? error : Check(Interop.Mkdirat(Handle, in path[0], mode));
    }

    /// <summary>Creates a symbolic link with any target.</summary>
    public int MakeSymlink(ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        Span<byte> path = stackalloc byte[MaxName + 1], to = stackalloc byte[MaxPath];
        int error = Terminate(name, path);
        if (error == 0) error = Terminate(target, to);
        return error != 0 ? error : Check(Interop.Symlinkat(in to[0], Handle, in path[0]));
    }

    /// <summary>Creates a pipe, a socket, a device file or an empty file.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="mode">Type and permissions.</param>
    /// <param name="device">Numbers of the device.</param>
    public int MakeNode(ReadOnlySpan<byte> name, uint mode, (uint Major, uint Minor) device)
    {
        Span<byte> path = stackalloc byte[MaxName + 1];
        int error = Terminate(name, path);
        // makedev(3).
        ulong number = ((device.Major & 0xFFFF_F000UL) << 32) | ((device.Major & 0xFFFUL) << 8)
            | ((device.Minor & 0xFFFF_FF00UL) << 12) | (device.Minor & 0xFFUL);
        return error != 0 ? error : Check(Interop.Mknodat(Handle, in path[0], mode, number));
    }

    /// <summary>Gives a file a further name, in this folder.</summary>
    public int Link(HostEntry file, ReadOnlySpan<byte> name)
    {
        Span<byte> path = stackalloc byte[MaxName + 1], self = stackalloc byte[SelfPathBytes];
        int error = Terminate(name, path);
        if (error != 0) return error;
        file.WriteSelfPath(self);
        // The path leads to the file that the descriptor holds, whatever its type; AT_EMPTY_PATH would need a privilege.
        return Check(Interop.Linkat(Interop.AtFdcwd, in self[0], Handle, in path[0], Interop.AtSymlinkFollow));
    }

    /// <summary>Renames an entry of this folder.</summary>
    public int Rename(ReadOnlySpan<byte> name, HostEntry newFolder, ReadOnlySpan<byte> newName)
    {
        Span<byte> from = stackalloc byte[MaxName + 1], to = stackalloc byte[MaxName + 1];
        int error = Terminate(name, from);
        if (error == 0) error = Terminate(newName, to);
        return error != 0 ? error : Check(Interop.Renameat(Handle, in from[0], newFolder.Handle, in to[0]));
    }

    /// <summary>Removes a name from this folder.</summary>
    public int Remove(ReadOnlySpan<byte> name, bool isFolder)
    {
        Span<byte> path = stackalloc byte[MaxName + 1];
        int error = Terminate(name, path);
        return error != 0 ? error : Check(Interop.Unlinkat(Handle, in path[0], isFolder ? Interop.AtRemoveDir : 0));
    }

    /// <summary>Reads the target of a symbolic link.</summary>
    public int ReadLink(Span<byte> target, out int length)
    {
        byte nothing = 0;
        length = (int)Interop.Readlinkat(Handle, in nothing, ref target[0], (nuint)target.Length);
        // The kernel says "no such file" for the empty path of what is no link.
        int error = Check(length);
        return error == Errno.ENOENT ? Errno.EINVAL : error;
    }

    /// <summary>Sets the permissions.</summary>
    public int SetMode(uint mode)
    {
        Span<byte> self = stackalloc byte[SelfPathBytes];
        WriteSelfPath(self);
        return Check(Interop.Chmod(in self[0], mode));
    }

    /// <summary>Sets the times.</summary>
    public int SetTimes(HostFileTime accessed, HostFileTime modified)
    {
        Span<byte> self = stackalloc byte[SelfPathBytes];
        WriteSelfPath(self);
        Span<Interop.TimeSpec> times =
        [
            new() { Seconds = accessed.Seconds, Nanoseconds = accessed.Nanoseconds },
            new() { Seconds = modified.Seconds, Nanoseconds = modified.Nanoseconds },
        ];
        return Check(Interop.Utimensat(Interop.AtFdcwd, in self[0], in times[0], 0));
    }

    /// <summary>Sets the length of a regular file.</summary>
    public int SetLength(long length)
    {
        int error = GetStatus(out HostFileStatus status);
        if (error != 0) return error;
        if (!status.IsRegular) return status.IsFolder ? Errno.EISDIR : Errno.EINVAL;
        Span<byte> self = stackalloc byte[SelfPathBytes];
        WriteSelfPath(self);
        return Check(Interop.Truncate(in self[0], length));
    }

    /// <summary>Reads an extended attribute.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Receives the value; an empty span asks for the length only.</param>
    /// <param name="length">Receives its length in bytes.</param>
    public int GetAttribute(ReadOnlySpan<byte> name, Span<byte> value, out int length)
    {
        Span<byte> path = stackalloc byte[MaxName + 1], self = stackalloc byte[SelfPathBytes];
        length = 0;
        int error = Terminate(name, path);
        if (error != 0) return error;
        WriteSelfPath(self);
        length = (int)Interop.Getxattr(in self[0], in path[0], ref MemoryMarshal.GetReference(value), (nuint)value.Length);
        return Check(length);
    }

    /// <summary>Lists the names of the extended attributes, each with a NUL behind it.</summary>
    public int ListAttributes(Span<byte> names, out int length)
    {
        Span<byte> self = stackalloc byte[SelfPathBytes];
        WriteSelfPath(self);
        length = (int)Interop.Listxattr(in self[0], ref MemoryMarshal.GetReference(names), (nuint)names.Length);
        return Check(length);
    }

    /// <summary>Sets an extended attribute.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">The value.</param>
    /// <param name="flags">1: it must be new; 2: it must be there.</param>
    public int SetAttribute(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, int flags)
    {
        Span<byte> path = stackalloc byte[MaxName + 1], self = stackalloc byte[SelfPathBytes];
        int error = Terminate(name, path);
        if (error != 0) return error;
        WriteSelfPath(self);
        return Check(Interop.Setxattr(in self[0], in path[0], in MemoryMarshal.GetReference(value), (nuint)value.Length, flags));
    }

    /// <summary>Removes an extended attribute.</summary>
    public int RemoveAttribute(ReadOnlySpan<byte> name)
    {
        Span<byte> path = stackalloc byte[MaxName + 1], self = stackalloc byte[SelfPathBytes];
        int error = Terminate(name, path);
        if (error != 0) return error;
        WriteSelfPath(self);
        return Check(Interop.Removexattr(in self[0], in path[0]));
    }

    /// <summary>Lets go of the file.</summary>
    public void Dispose() => Handle.Dispose();

    internal static int Check(long result) => result < 0 ? Marshal.GetLastPInvokeError() : 0;

    internal static int Wrap(long descriptor, out HostEntry? entry)
    {
        entry = descriptor < 0 ? null : new HostEntry(new SafeFileHandle((nint)descriptor, ownsHandle: true));
        return Check(descriptor);
    }

    private static int Wrap(long descriptor, out HostOpenFile? file)
    {
        int error = Wrap(descriptor, out HostEntry? entry);
        file = entry is null ? null : new HostOpenFile(entry);
        return error;
    }

    private int FindInOneGo(ReadOnlySpan<byte[]> names, out HostEntry? entry)
    {
        entry = null;
        Span<byte> path = stackalloc byte[MaxPath];
        int length = 0;
        foreach (byte[] name in names)
        {
            if (name.Length > MaxName || length + name.Length + 2 > MaxPath) return Errno.ENAMETOOLONG;
            if (length != 0) path[length++] = (byte)'/';
            name.CopyTo(path[length..]);
            length += name.Length;
        }
        path[length] = 0;
        Interop.OpenHow how = new()
        {
            Flags = (ulong)(Interop.OPath | Interop.ONofollow | Common),
            Resolve = Interop.ResolveBeneath | Interop.ResolveNoSymlinks | Interop.ResolveNoMagicLinks,
        };
        nuint size = (nuint)Marshal.SizeOf<Interop.OpenHow>();
        return Wrap(Interop.Openat2(Interop.SysOpenat2, Handle, in path[0], in how, size), out entry);
    }

    // A link of the kernel's own that leads to the very file, not to its name: it needs no permission on the way, and no race can change
    // it.
    private void WriteSelfPath(Span<byte> path)
    {
        "/proc/self/fd/"u8.CopyTo(path);
        ((long)Handle.DangerousGetHandle()).TryFormat(path[14..], out int written, default, CultureInfo.InvariantCulture);
        path[14 + written] = 0;
    }

    private static int Terminate(ReadOnlySpan<byte> text, Span<byte> buffer)
    {
        if (text.Length >= buffer.Length) return Errno.ENAMETOOLONG;
        if (text.Contains((byte)0)) return Errno.EINVAL;
        text.CopyTo(buffer);
        buffer[text.Length] = 0;
        return 0;
    }
}
