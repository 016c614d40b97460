namespace Doppel.Devices.Backends.Block;

/// <summary>
/// Names of formats, and how the format of a file is found if nobody says it. A guest can write anything to the beginning of a raw image,
/// so what a file contains never makes it anything else than raw: if it did, a guest could make of its disk an image with any file of the
/// host below it. The name of the file decides, which no guest can change. Thread contract: static, no state.
/// </summary>
internal static class DiskFormats
{
    private const int ProbeBytes = 512;

    private static readonly (DiskFormat Format, string Name, string[] Extensions)[] s_formats =
    [
        (DiskFormat.Raw,   "raw",   [".raw", ".img"]),
        (DiskFormat.Qcow2, "qcow2", [".qcow2"]),
        (DiskFormat.Vhd,   "vpc",   [".vhd"]),
        (DiskFormat.Vmdk,  "vmdk",  [".vmdk"]),
        (DiskFormat.Vdi,   "vdi",   [".vdi"]),
    ];

    // How files begin that are not raw; with what to do about those that can not be used as they are.
    private static readonly Signature[] s_signatures =
    [
        new("qcow2", 0,  [(byte)'Q', (byte)'F', (byte)'I', 0xFB]),
        new("vmdk",  0,  [.. "KDMV"u8]),
        new("vdi",   64, [0x7F, 0x10, 0xDA, 0xBE]),
        new("vhd",   0,  [.. "conectix"u8]),
        new("vhdx",  0,  [.. "vhdxfile"u8],             "convert it with `qemu-img convert -O qcow2`"),
        new("qed",   0,  [.. "QED\0"u8],                "convert it with `qemu-img convert -O qcow2`"),
        new("xz",    0,  [0xFD, .. "7zXZ\0"u8],         "unpack it with `unxz`"),
        new("gz",    0,  [0x1F, 0x8B, 0x08],            "unpack it with `gunzip`"),
        new("zst",   0,  [0x28, 0xB5, 0x2F, 0xFD],      "unpack it with `unzstd`"),
        new("bz2",   0,  [.. "BZh91AY&SY"u8],           "unpack it with `bunzip2`"),
    ];

    internal static string NameOf(DiskFormat format) => Array.Find(s_formats, f => f.Format == format).Name;

    /// <summary>The format of a name; <c>vhd</c> is known as well as <c>vpc</c>.</summary>
    /// <exception cref="DiskImageException">There is no such format; the message names those that there are.</exception>
    internal static DiskFormat Parse(string name)
    {
        int index = Array.FindIndex(s_formats, f => f.Name == name || f.Extensions[0] == "." + name);
        return index >= 0
            ? s_formats[index].Format
            : throw new DiskImageException($"there is no format {name}; there are {string.Join(", ", s_formats.Select(static f => f.Name))}");
    }

    /// <summary>The format by the ending of a file's name, of which nothing else is known; raw for any other ending.</summary>
    internal static DiskFormat ByName(string path)
    {
        string extension = Path.GetExtension(path);
        int index = Array.FindIndex(s_formats, f => f.Extensions.Contains(extension, StringComparer.OrdinalIgnoreCase));
        return index < 0 ? DiskFormat.Raw : s_formats[index].Format;
    }

    /// <summary>The format of a file by the ending of its name; raw for any other ending.</summary>
    /// <exception cref="DiskImageException">It would be raw by its name, and begins as an image of another format does.</exception>
    internal static DiskFormat Guess(string path)
    {
        DiskFormat format = ByName(path);
        if (format == DiskFormat.Raw && Probe(path) is { } found)
            throw new DiskImageException($"{path} begins as {found.Name} data does, but its name does not end in .{found.Name}: "
                + $"{found.Advice ?? $"add format={found.Name} if it is that"}, or add format=raw if a guest has written it to its disk");
        return format;
    }

    private static Signature? Probe(string path)
    {
        PinnedBuffer start = new(ProbeBytes);
        using (HostImageFile file = HostImageFile.Open(path, writable: false)) file.Read(0, start);
        return Array.Find(s_signatures, s => start.Span[s.Offset..].StartsWith(s.Magic));
    }

    private sealed record Signature(string Name, int Offset, byte[] Magic, string? Advice = null);
}
