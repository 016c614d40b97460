using System.Runtime.InteropServices;

namespace Doppel.UnitTests.Shares;

/// <summary>
/// The host's own calls with paths of any bytes: what the differential test compares with. Each gives an error number, zero for success.
/// </summary>
internal static class Libc
{
    private const int AtFdcwd = -100, AtSymlinkNofollow = 0x100, CloseOnExec = 0x80000;

    // In struct dirent of 64-bit C libraries.
    private const int NameOffset = 19;

    internal static int Mkdir(byte[] path, uint mode) => Check(mkdir(Text(path), mode));

    internal static int Rmdir(byte[] path) => Check(rmdir(Text(path)));

    internal static int Unlink(byte[] path) => Check(unlink(Text(path)));

    internal static int Rename(byte[] from, byte[] to) => Check(rename(Text(from), Text(to)));

    internal static int Link(byte[] from, byte[] to) => Check(link(Text(from), Text(to)));

    internal static int Symlink(byte[] target, byte[] path) => Check(symlink(Text(target), Text(path)));

    internal static int Mkfifo(byte[] path, uint mode) => Check(mkfifo(Text(path), mode));

    internal static int Chmod(byte[] path, uint mode) => Check(chmod(Text(path), mode));

    internal static int Truncate(byte[] path, long length) => Check(truncate(Text(path), length));

    /// <summary>Opens without following a link at the end, writes at an offset, reads all, closes.</summary>
    internal static (int Errno, byte[] Content) Use(byte[] path, int flags, uint mode, long offset, byte[]? data)
    {
        const int NoFollow = 0x20000, NonBlock = 0x800;
        int fd = open(Text(path), flags | NoFollow | NonBlock | CloseOnExec, mode);
        if (fd < 0) return (Marshal.GetLastPInvokeError(), []);
        byte[] room = new byte[1 << 16];
        nint done = data is null ? pread(fd, room, room.Length, offset) : pwrite(fd, data, data.Length, offset);
        int error = Check(done);
        _ = close(fd);
        return (error, data is null && done > 0 ? room[..(int)done] : []);
    }

    internal static byte[] ReadAll(byte[] path) => Use(path, 0, 0, 0, null).Content;

    internal static byte[] ReadLink(byte[] path)
    {
        byte[] room = new byte[4096];
        nint length = readlink(Text(path), room, room.Length);
        return length < 0 ? [] : room[..(int)length];
    }

    internal static (uint Mode, uint Links, long Size) Look(byte[] path)
    {
        byte[] raw = new byte[256];
        if (statx(AtFdcwd, Text(path), AtSymlinkNofollow, 0x7FF, raw) != 0) return default;
        return (BitConverter.ToUInt16(raw, 28), BitConverter.ToUInt32(raw, 16), BitConverter.ToInt64(raw, 40));
    }

    internal static bool Exists(byte[] path) => Look(path).Mode != 0;

    /// <summary>Removes a tree with names of any bytes.</summary>
    internal static void RemoveTree(byte[] path)
    {
        Assert.Equal(0, Chmod(path, 0x1C0));
        foreach (byte[] name in List(path))
        {
            byte[] entry = [.. path, (byte)'/', .. name];
            if ((Look(entry).Mode & 0xF000) == 0x4000) RemoveTree(entry);
            else Assert.Equal(0, Unlink(entry));
        }
        Assert.Equal(0, Rmdir(path));
    }

    /// <summary>Names in a folder, but for "." and "..".</summary>
    internal static List<byte[]> List(byte[] path)
    {
        List<byte[]> names = [];
        nint stream = opendir(Text(path));
        Assert.NotEqual(0, stream);
        while (readdir(stream) is not 0 and nint entry)
        {
            byte[] name = ReadText(entry + NameOffset);
            if (name is not [(byte)'.'] and not [(byte)'.', (byte)'.']) names.Add(name);
        }
        _ = closedir(stream);
        return names;
    }

    private static byte[] Text(byte[] path) => [.. path, 0];

    private static int Check(nint result) => result < 0 ? Marshal.GetLastPInvokeError() : 0;

    private static byte[] ReadText(nint address)
    {
        List<byte> bytes = [];
        for (byte value; (value = Marshal.ReadByte(address)) != 0; address++) bytes.Add(value);
        return [.. bytes];
    }

#pragma warning disable SA1300, IDE1006 // The names are the C library's.
    [DllImport("libc", SetLastError = true)]
    private static extern int mkdir(byte[] path, uint mode);

    [DllImport("libc", SetLastError = true)]
    private static extern int rmdir(byte[] path);

    [DllImport("libc", SetLastError = true)]
    private static extern int unlink(byte[] path);

    [DllImport("libc", SetLastError = true)]
    private static extern int rename(byte[] from, byte[] to);

    [DllImport("libc", SetLastError = true)]
    private static extern int link(byte[] from, byte[] to);

    [DllImport("libc", SetLastError = true)]
    private static extern int symlink(byte[] target, byte[] path);

    [DllImport("libc", SetLastError = true)]
    private static extern int mkfifo(byte[] path, uint mode);

    [DllImport("libc", SetLastError = true)]
    private static extern int chmod(byte[] path, uint mode);

    [DllImport("libc", SetLastError = true)]
    private static extern int truncate(byte[] path, long length);

    [DllImport("libc", SetLastError = true)]
    private static extern int open(byte[] path, int flags, uint mode);

    [DllImport("libc", SetLastError = true)]
    private static extern int close(int fd);

    [DllImport("libc", SetLastError = true)]
    private static extern nint pread(int fd, byte[] data, nint length, long offset);

    [DllImport("libc", SetLastError = true)]
    private static extern nint pwrite(int fd, byte[] data, nint length, long offset);

    [DllImport("libc", SetLastError = true)]
    private static extern nint readlink(byte[] path, byte[] target, nint length);

    [DllImport("libc", SetLastError = true)]
    private static extern int statx(int folder, byte[] path, int flags, uint mask, byte[] result);

    [DllImport("libc", SetLastError = true)]
    private static extern nint opendir(byte[] path);

    [DllImport("libc", SetLastError = true)]
    private static extern nint readdir(nint stream);

    [DllImport("libc", SetLastError = true)]
    private static extern int closedir(nint stream);
#pragma warning restore SA1300, IDE1006
}
