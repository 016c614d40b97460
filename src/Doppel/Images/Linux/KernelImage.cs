using System.Buffers.Binary;
using System.IO.Compression;
using Doppel.Images.Archives;

namespace Doppel.Images.Linux;

/// <summary>
/// Brings a kernel file of a distribution into the one form a loader boots: the flat RISC-V <c>Image</c>
/// (Documentation/arch/riscv/boot-image-header.rst). Distributions ship it plain, packed by gzip or xz, or inside an EFI zboot program.
/// </summary>
internal static class KernelImage
{
    private const int MaximumLength = 256 << 20;
    private const int HeaderLength = 64;
    private const uint Magic2 = 0x05435352;

    /// <summary>Unpacks a kernel file.</summary>
    /// <exception cref="InvalidDataException">It is damaged or none of the known forms.</exception>
    public static byte[] ToImage(byte[] file)
    {
        byte[] data = file;
        // Each turn removes one wrapping; a file that is wrapped more often than that is hostile.
        for (int turn = 0; turn < 3; turn++)
        {
            if (IsImage(data)) return data;
            data = Unwrap(data) ?? throw new InvalidDataException("the kernel file is not a RISC-V Linux image in any known form");
        }
        throw new InvalidDataException("the kernel file is packed too many times");
    }

    /// <summary>True if the file is a flat RISC-V image: its second magic number is the one that is not deprecated.</summary>
    public static bool IsImage(ReadOnlySpan<byte> data) =>
        data.Length >= HeaderLength && BinaryPrimitives.ReadUInt32LittleEndian(data[0x38..]) == Magic2;

    private static byte[]? Unwrap(byte[] data)
    {
        if (XzDecoder.IsXz(data)) return XzDecoder.Decode(data, MaximumLength);
        if (data.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B])) return Gunzip(data);
        // struct linux_efi_zboot_header: "MZ", at 4 "zimg", at 8 offset and at 12 size of the payload.
        if (data.Length >= HeaderLength && data.AsSpan().StartsWith("MZ"u8) && data.AsSpan(4).StartsWith("zimg"u8))
        {
            uint offset = BinaryPrimitives.ReadUInt32LittleEndian(data.AsSpan(8));
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(data.AsSpan(12));
            if (offset > data.Length || size > data.Length - offset) throw new InvalidDataException("damaged EFI zboot kernel");
            return data.AsSpan((int)offset, (int)size).ToArray();
        }
        return null;
    }

    private static byte[] Gunzip(byte[] data)
    {
        using var unpacked = new MemoryStream();
        using var gzip = new GZipStream(new MemoryStream(data), CompressionMode.Decompress);
        byte[] buffer = new byte[1 << 16];
        for (int read = gzip.Read(buffer); read > 0; read = gzip.Read(buffer))
        {
            if (unpacked.Length > MaximumLength - read) throw new InvalidDataException("the kernel is too large");
            unpacked.Write(buffer, 0, read);
        }
        return unpacked.ToArray();
    }
}
