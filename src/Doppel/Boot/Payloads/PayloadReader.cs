using System.Buffers.Binary;
using System.IO.Compression;
using Doppel.Host;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Boot.Payloads;

/// <summary>
/// Reads a kernel, a firmware or a bare-metal program from a file and finds out what it is: ELF, Linux <c>Image</c>, either of them
/// compressed with gzip, an EFI zboot image, or else a flat binary.
/// </summary>
internal static class PayloadReader
{
    private const long MaxFileBytes = 1L << 30;

    /// <summary>Reads a program.</summary>
    /// <param name="path">The file.</param>
    /// <param name="option">Option that named the file, for messages: <c>--kernel</c>.</param>
    /// <param name="owned">Takes what is to be disposed once the program is no longer needed.</param>
    /// <exception cref="VirtualMachineException">The file cannot be read or is malformed; the message says why.</exception>
    public static Payload Read(string path, string option, ICollection<IDisposable> owned)
    {
        ReadOnlyMemory<byte> file = ReadFile(path, option, owned);
        try
        {
            return Recognise(path, file);
        }
        catch (Exception e) when (e is FormatException or InvalidDataException)
        {
            throw new VirtualMachineException($"{option} {path}: {e.Message}", e);
        }
    }

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="VirtualMachineException">The file cannot be read, is empty or is larger than 1 GiB.</exception>
    public static ReadOnlyMemory<byte> ReadFile(string path, string option, ICollection<IDisposable> owned)
    {
        try
        {
            FileInfo info = new(path);
            if (Directory.Exists(path)) throw new VirtualMachineException($"{option} {path}: is a directory; give a file");
            if (!info.Exists) throw new VirtualMachineException($"{option} {path}: no such file");
            if (info.Length > MaxFileBytes) throw new VirtualMachineException($"{option} {path}: {info.Length} bytes are too large (limit 1 GiB)");
            ReadOnlyMemory<byte> bytes = ReadAll(path, owned);
            return bytes.Length > 0 ? bytes : throw new VirtualMachineException($"{option} {path}: the file is empty");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new VirtualMachineException($"{option} {path}: {e.Message}", e);
        }
    }

    private static ReadOnlyMemory<byte> ReadAll(string path, ICollection<IDisposable> owned)
    {
        using SafeFileHandle handle = File.OpenHandle(path);
        HostBytes bytes = new((int)RandomAccess.GetLength(handle));
        owned.Add(bytes);
        int length = 0;
        for (int count = -1; count != 0; length += count) count = RandomAccess.Read(handle, bytes.GetSpan()[length..], length);
        return bytes.Memory[..length];
    }

    private static Payload Recognise(string path, ReadOnlyMemory<byte> file)
    {
        if (LinuxImageReader.TryFindZboot(file.Span, out Range packed)) file = Inflate(file[packed]);
        else if (file.Span.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B])) file = Inflate(file);
        if (ElfReader.IsElf(file.Span)) return ElfReader.Read(path, file);
        if (LinuxImageReader.IsImage(file.Span)) return LinuxImageReader.Read(path, file);
        if (file.Span.StartsWith("MZ"u8)) throw new FormatException("it is an EFI program without a RISC-V Linux header; is it a kernel for another CPU?");
        return new Payload(path, PayloadKind.Flat, [new PayloadSegment(0, file, (ulong)file.Length)]);
    }

    // Stops at the limit instead of trusting the size that the file claims: a small file can inflate to terabytes.
    private static ReadOnlyMemory<byte> Inflate(ReadOnlyMemory<byte> packed)
    {
        using GZipStream stream = new(new MemoryStream(packed.ToArray(), writable: false), CompressionMode.Decompress);
        using MemoryStream plain = new();
        byte[] buffer = new byte[1 << 16];
        for (int count = stream.Read(buffer); count > 0; count = stream.Read(buffer))
        {
            if (plain.Length + count > MaxFileBytes) throw new FormatException("it inflates to more than 1 GiB");
            plain.Write(buffer.AsSpan(0, count));
        }
        CheckTrailer(packed.Span, plain.Length);
        return plain.Length > 0 ? plain.GetBuffer().AsMemory(0, (int)plain.Length) : throw new FormatException("its compressed content is empty");
    }

    // The decompressor takes the end of the input for the end of the content; only the trailer (RFC 1952, ISIZE) shows a truncated file.
    private static void CheckTrailer(ReadOnlySpan<byte> packed, long length)
    {
        uint stated = packed.Length < 18 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(packed[^4..]);
        if (stated != (uint)length) throw new FormatException($"its compressed content is truncated or damaged ({length} bytes came out, its trailer says {stated})");
    }
}
