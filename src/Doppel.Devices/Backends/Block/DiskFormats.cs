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

    /// <summary>The format of a file by the ending of its name; raw for any other ending.</summary>
    /// <exception cref="DiskImageException">It would be raw by its name, and begins as an image of another format does.</exception>
    internal static DiskFormat Guess(string path)
    {
        string extension = Path.GetExtension(path);
        int index = Array.FindIndex(s_formats, f => f.Extensions.Contains(extension, StringComparer.OrdinalIgnoreCase));
        DiskFormat format = index < 0 ? DiskFormat.Raw : s_formats[index].Format;
        if (format == DiskFormat.Raw && Probe(path) is { } found)
            throw new DiskImageException($"{path} begins as a {found} image does, but its name does not end in .{found}: "
                + $"add format={found} if it is one, or format=raw if a guest has written that to its disk");
        return format;
    }

    private static string? Probe(string path)
    {
        PinnedBuffer start = new(ProbeBytes);
        using (HostImageFile file = HostImageFile.Open(path, writable: false)) file.Read(0, [start.Whole]);
        ReadOnlySpan<byte> bytes = start.Span;
        if (bytes.StartsWith("QFI\xFB"u8[..3]) && bytes[3] == 0xFB) return "qcow2";
        if (bytes.StartsWith("KDMV"u8)) return "vmdk";
        if (bytes[64..].StartsWith("\x7F\x10\xDA\xBE"u8[..2]) && bytes[66] == 0xDA) return "vdi";
        return bytes.StartsWith("conectix"u8) ? "vhd" : null;
    }
}
