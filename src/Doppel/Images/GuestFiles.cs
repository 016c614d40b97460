using System.Reflection;
using System.Security.Cryptography;
using Doppel.Images.Archives;

namespace Doppel.Images;

/// <summary>The files of ours inside of an image: process 1, its helpers and a few tables below /etc. Thread contract: stateless.</summary>
internal static class GuestFiles
{
    private const uint Executable = 0x1ED;
    private const uint Plain = 0x1A4;

    private static readonly (string Resource, string Path, uint Mode)[] s_files =
    [
        // What mount tries where it is told no type: the module of a file system is loaded by the attempt.
        ("filesystems", "etc/filesystems",        Plain),
        ("fstab",       "etc/fstab",              Plain),
        ("group",       "etc/group",              Plain),
        ("hostname",    "etc/hostname",           Plain),
        ("hosts",       "etc/hosts",              Plain),
        ("passwd",      "etc/passwd",             Plain),
        ("network",     "usr/lib/doppel/network", Plain),
        ("shares",      "usr/lib/doppel/shares",  Plain),
        ("profile",     "etc/profile",            Plain),
        ("shells",      "etc/shells",             Plain),
        ("init",        "init",                   Executable),
        // Built from guest/agent by `./dev guest-agent`.
        ("agent",       "usr/lib/doppel/agent",   Executable),
        ("dhcp",        "usr/lib/doppel/dhcp",    Executable),
        ("session",     "usr/lib/doppel/session", Executable),
        ("shell",       "usr/lib/doppel/shell",   Plain),
    ];

    private static readonly (string Path, string Target)[] s_links =
    [
        ("etc/mtab",                  "/proc/self/mounts"),
        ("usr/lib/doppel/dev/fd",     "/proc/self/fd"),
        ("usr/lib/doppel/dev/stderr", "/proc/self/fd/2"),
        ("usr/lib/doppel/dev/stdin",  "/proc/self/fd/0"),
        ("usr/lib/doppel/dev/stdout", "/proc/self/fd/1"),
    ];

    /// <summary>Adds the files to an archive.</summary>
    public static void AddTo(CpioArchive archive)
    {
        foreach ((string resource, string path, uint mode) in s_files) archive.AddFile(path, Read(resource), mode);
        foreach ((string path, string target) in s_links) archive.AddSymlink(path, target);
        archive.AddDirectory("usr/lib/doppel/dev/pts");
        archive.AddDirectory("usr/lib/doppel/dev/shm");
    }

    /// <summary>An archive of these files alone.</summary>
    public static byte[] ToInitrd()
    {
        var archive = new CpioArchive();
        AddTo(archive);
        return archive.ToArray();
    }

    /// <summary>SHA-256 of the files: it tells whether a cached image has those of this version.</summary>
    public static string Digest() => Convert.ToHexStringLower(SHA256.HashData(ToInitrd()));

    private static byte[] Read(string resource)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Images/Guest/" + resource)
            ?? throw new InvalidOperationException($"the resource {resource} is not in the assembly");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
