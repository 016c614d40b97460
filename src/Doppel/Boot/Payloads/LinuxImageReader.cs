using System.Buffers.Binary;
using System.Text;

namespace Doppel.Boot.Payloads;

/// <summary>
/// Reads the RISC-V Linux <c>Image</c> (kernel documentation, "Boot image header in RISC-V Linux") and recognises the EFI
/// self-extracting form ("zboot"), whose compressed payload is such an image.
/// </summary>
internal static class LinuxImageReader
{
    private const int HeaderBytes = 64;
    private const ulong MaxImageBytes = 1UL << 40;
    private const ulong BigEndianFlag = 1;

    /// <summary>True if a file has the header of a RISC-V Linux image.</summary>
    public static bool IsImage(ReadOnlySpan<byte> file) =>
        file.Length >= HeaderBytes && file[56..].StartsWith("RSC\x05"u8);

    /// <summary>Reads an image.</summary>
    /// <exception cref="FormatException">The header does not hold together, or the file is truncated.</exception>
    public static Payload Read(string path, ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        ulong textOffset = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        ulong imageSize = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]);
        ulong flags = BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]);
        if ((flags & BigEndianFlag) != 0) throw new FormatException("it is a big-endian kernel; the machine is little-endian");
        if (imageSize > MaxImageBytes || textOffset > MaxImageBytes) throw new FormatException($"its header says that it takes 0x{imageSize:x} bytes at offset 0x{textOffset:x}");
        CheckSections(bytes);
        ulong memorySize = Math.Max(imageSize, (ulong)bytes.Length);
        return new Payload(path, PayloadKind.LinuxImage, [new PayloadSegment(0, file, memorySize)]) { TextOffset = textOffset };
    }

    /// <summary>Finds the compressed payload of an EFI zboot image (kernel source, drivers/firmware/efi/libstub: "zimg" header).</summary>
    /// <returns>False where the file is no such image.</returns>
    /// <exception cref="FormatException">The header does not hold together, or the compression is not gzip.</exception>
    public static bool TryFindZboot(ReadOnlySpan<byte> file, out Range payload)
    {
        payload = default;
        if (file.Length < HeaderBytes || !file.StartsWith("MZ"u8) || !file[4..].StartsWith("zimg"u8)) return false;
        uint offset = BinaryPrimitives.ReadUInt32LittleEndian(file[8..]);
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(file[12..]);
        ReadOnlySpan<byte> kind = file[24..56];
        int end = kind.IndexOf((byte)0);
        string compression = Encoding.Latin1.GetString(kind[..(end < 0 ? kind.Length : end)]);
        if (!string.Equals(compression, "gzip", StringComparison.Ordinal))
            throw new FormatException($"it is an EFI zboot kernel compressed with '{compression}'; only gzip is supported: use the uncompressed Image");
        if (offset > (uint)file.Length || size > (uint)file.Length - offset)
            throw new FormatException($"its compressed payload (offset 0x{offset:x}, 0x{size:x} bytes) lies outside the file of 0x{file.Length:x} bytes; is it truncated?");
        payload = (int)offset..(int)(offset + size);
        return true;
    }

    // A kernel with an EFI stub is also a PE file, whose section table tells whether the file is complete (PE format, section headers).
    private static void CheckSections(ReadOnlySpan<byte> bytes)
    {
        uint pe = BinaryPrimitives.ReadUInt32LittleEndian(bytes[60..]);
        if (!bytes.StartsWith("MZ"u8) || pe < HeaderBytes) return;
        if (pe + 24UL > (ulong)bytes.Length) throw new FormatException($"it is truncated after {bytes.Length} bytes");
        ReadOnlySpan<byte> header = bytes[(int)pe..];
        if (!header.StartsWith("PE\0\0"u8)) return;
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[6..]);
        ulong table = 24UL + BinaryPrimitives.ReadUInt16LittleEndian(header[20..]);
        for (int i = 0; i < count; i++)
        {
            ulong at = table + ((ulong)i * 40);
            if (at + 40 > (ulong)header.Length) throw new FormatException($"it is truncated after {bytes.Length} bytes");
            ulong size = BinaryPrimitives.ReadUInt32LittleEndian(header[((int)at + 16)..]);
            ulong end = size + BinaryPrimitives.ReadUInt32LittleEndian(header[((int)at + 20)..]);
            if (end > (ulong)bytes.Length) throw new FormatException($"it is truncated: it should have at least {end} bytes and has {bytes.Length}");
        }
    }
}
