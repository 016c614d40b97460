using System.Formats.Tar;
using System.Reflection;
using System.Text;
using Doppel.Images.Archives;

namespace Doppel.Images.Roots;

/// <summary>
/// What the machine that builds root disks has beyond the image it boots: the programs that make and grow a file system, an archiver that knows
/// attributes, their libraries, and our script. Thread contract: stateless.
/// </summary>
internal static class BuilderTools
{
    /// <summary>The packages that hold the programs and their libraries.</summary>
    public static readonly IReadOnlyList<string> Packages =
    [
        "e2fsprogs", "tar", "libc6", "libext2fs2t64", "libcom-err2", "libblkid1", "libuuid1", "libacl1", "libattr1", "libselinux1", "libpcre2-8-0",
    ];

    private const string Folder = "usr/lib/doppel/";
    private const string Libraries = "/usr/lib/riscv64-linux-gnu/";
    private const uint Executable = 0x1ED;

    /// <summary>The script, as an archive of its own: it is this version's, whatever the cached tools are.</summary>
    public static byte[] ScriptArchive()
    {
        var archive = new CpioArchive();
        archive.AddFile(Folder + "builder", ReadScript(), Executable);
        return archive.ToArray();
    }

    /// <summary>The script, for those who judge whether what it made is what it would make.</summary>
    public static byte[] ReadScript()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Images/Builder/builder")
            ?? throw new InvalidOperationException("the resource builder is not in the assembly");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Takes programs and libraries out of packages.</summary>
    /// <param name="archives">Reads packages.</param>
    /// <param name="files">Paths of the packages.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>An archive for the machine's initial file system.</returns>
    public static async Task<byte[]> MakeAsync(DebianArchive archives, IEnumerable<string> files, CancellationToken cancellation)
    {
        var archive = new CpioArchive();
        foreach (string file in files)
        {
            await archives.ReadContentAsync(file, async entry =>
            {
                if (PlaceOf(DebianArchive.PathOf(entry)) is not { } place || archive.Contains(place)) return;
                if (entry.EntryType == TarEntryType.SymbolicLink) archive.AddSymlink(place, entry.LinkName);
                if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile)) return;
                byte[] content = new byte[entry.Length];
                if (entry.DataStream is { } data) await data.ReadExactlyAsync(content, cancellation).ConfigureAwait(false);
                archive.AddFile(place, content, Executable);
            }, cancellation).ConfigureAwait(false);
        }
        foreach (string needed in (ReadOnlySpan<string>)["mke2fs", "resize2fs", "tar"])
        {
            if (!archive.Contains($"{Folder}tools/{needed}")) throw new InvalidDataException($"the program {needed} is in none of the packages");
        }
        return archive.ToArray();
    }

    /// <summary>The name of the tools, for a table of what is cached.</summary>
    public static string Describe(IEnumerable<ImagePackage> packages)
    {
        var text = new StringBuilder("doppel builder tools 1\n");
        foreach (ImagePackage package in packages) text.Append(package.Sha256).Append('\n');
        return text.ToString();
    }

    private static string? PlaceOf(string path) => path switch
    {
        "/usr/sbin/mke2fs" or "/sbin/mke2fs" => Folder + "tools/mke2fs",
        "/usr/sbin/resize2fs" or "/sbin/resize2fs" => Folder + "tools/resize2fs",
        "/usr/bin/tar" or "/bin/tar" => Folder + "tools/tar",
        "/etc/mke2fs.conf" => path[1..],
        _ when path.StartsWith("/usr/lib/ld-linux-", StringComparison.Ordinal) => path[1..],
        _ when path.StartsWith(Libraries, StringComparison.Ordinal) && path.LastIndexOf('/') == Libraries.Length - 1
            && path.Contains(".so", StringComparison.Ordinal) => path[1..],
        _ => null,
    };
}
