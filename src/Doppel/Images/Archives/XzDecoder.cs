using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Doppel.Images.Archives;

/// <summary>
/// Unpacks the .xz container ("The .xz File Format" 1.2.1) with its LZMA2 filter, which is what Debian packs kernel modules with.
/// The base library of .NET has no xz, and a host need not have the xz program.
/// Thread contract: stateless.
/// </summary>
internal static class XzDecoder
{
    private const int HeaderLength = 12;
    private const ulong Lzma2FilterId = 0x21;

    private enum Check
    {
        None = 0,
        Crc32 = 1,
        Crc64 = 4,
        Sha256 = 10,
    }

    /// <summary>True if the bytes start like an .xz file (section 2.1.1.1).</summary>
    public static bool IsXz(ReadOnlySpan<byte> data) => data.StartsWith(Magic);

    private static ReadOnlySpan<byte> Magic => [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0];

    /// <summary>Unpacks all streams of a file.</summary>
    /// <param name="data">The whole file.</param>
    /// <param name="maximumLength">Most bytes the result may have.</param>
    /// <exception cref="InvalidDataException">The file is damaged, too large when unpacked, or uses another filter.</exception>
    public static byte[] Decode(ReadOnlySpan<byte> data, int maximumLength)
    {
        var output = new OutputBuffer(maximumLength);
        int at = 0;
        do
        {
            at += DecodeStream(data[at..], output);
            // Section 2.2: stream padding is zero bytes in multiples of four.
            while (data.Length - at >= 4 && BinaryPrimitives.ReadUInt32LittleEndian(data[at..]) == 0) at += 4;
        }
        while (at < data.Length);
        return output.ToArray();
    }

    private static int DecodeStream(ReadOnlySpan<byte> data, OutputBuffer output)
    {
        if (data.Length < HeaderLength || !data.StartsWith(Magic)) throw Damaged("no stream header");
        if (data[6] != 0 || data[7] > 15) throw Damaged("unknown stream flags");
        if (Crc.Compute32(data.Slice(6, 2)) != BinaryPrimitives.ReadUInt32LittleEndian(data[8..])) throw Damaged("stream header CRC");
        var check = (Check)data[7];
        int at = HeaderLength;
        var records = new List<(ulong Unpadded, ulong Uncompressed)>();
        while (at < data.Length && data[at] != 0)
            at += DecodeBlock(data[at..], check, output, records);
        int indexAt = at;
        at += CheckIndex(data[at..], records);
        CheckFooter(data, at, at - indexAt);
        return at + HeaderLength;
    }

    private static int DecodeBlock(
        ReadOnlySpan<byte> data, Check check, OutputBuffer output, List<(ulong Unpadded, ulong Uncompressed)> records)
    {
        int headerLength = (data[0] + 1) * 4;
        if (data.Length < headerLength) throw Damaged("truncated block header");
        CheckBlockHeader(data[..headerLength]);
        int start = output.Length;
        int packed = Lzma2Decoder.Decode(data[headerLength..], output);
        int at = headerLength + packed;
        int unpadded = at;
        for (; (at & 3) != 0; at++)
        {
            if (at >= data.Length || data[at] != 0) throw Damaged("block padding");
        }
        int checkLength = CheckLength(check);
        if (data.Length - at < checkLength) throw Damaged("truncated block check");
        if (!Verify(check, output.Written[start..], data.Slice(at, checkLength))) throw Damaged("the check of the content");
        records.Add(((ulong)(unpadded + checkLength), (ulong)(output.Length - start)));
        return at + checkLength;
    }

    private static void CheckBlockHeader(ReadOnlySpan<byte> header)
    {
        uint crc = BinaryPrimitives.ReadUInt32LittleEndian(header[^4..]);
        if (Crc.Compute32(header[..^4]) != crc) throw Damaged("block header CRC");
        byte flags = header[1];
        if ((flags & 0x3C) != 0) throw Damaged("unknown block flags");
        if ((flags & 3) != 0) throw new InvalidDataException("xz: a chain of filters is not supported, only LZMA2");
        int at = 2;
        // Section 3.1.3, 3.1.4: both sizes are optional and repeat what the index holds.
        if ((flags & 0x40) != 0) _ = ReadInteger(header, ref at);
        if ((flags & 0x80) != 0) _ = ReadInteger(header, ref at);
        ulong filter = ReadInteger(header, ref at);
        ulong propertiesLength = ReadInteger(header, ref at);
        if (filter != Lzma2FilterId || propertiesLength != 1)
            throw new InvalidDataException($"xz: filter 0x{filter:X} is not supported, only LZMA2");
    }

    private static int CheckIndex(ReadOnlySpan<byte> data, List<(ulong Unpadded, ulong Uncompressed)> records)
    {
        if (data.IsEmpty || data[0] != 0) throw Damaged("no index");
        int at = 1;
        if (ReadInteger(data, ref at) != (ulong)records.Count) throw Damaged("number of index records");
        foreach ((ulong unpadded, ulong uncompressed) in records)
        {
            if (ReadInteger(data, ref at) != unpadded || ReadInteger(data, ref at) != uncompressed) throw Damaged("index record");
        }
        for (; (at & 3) != 0; at++)
        {
            if (at >= data.Length || data[at] != 0) throw Damaged("index padding");
        }
        if (data.Length - at < 4 || Crc.Compute32(data[..at]) != BinaryPrimitives.ReadUInt32LittleEndian(data[at..]))
            throw Damaged("index CRC");
        return at + 4;
    }

    private static void CheckFooter(ReadOnlySpan<byte> data, int at, int indexLength)
    {
        if (data.Length - at < HeaderLength) throw Damaged("truncated stream footer");
        ReadOnlySpan<byte> footer = data.Slice(at, HeaderLength);
        if (footer[10] != 'Y' || footer[11] != 'Z' || !footer.Slice(8, 2).SequenceEqual(data.Slice(6, 2))) throw Damaged("stream footer");
        if (Crc.Compute32(footer.Slice(4, 6)) != BinaryPrimitives.ReadUInt32LittleEndian(footer)) throw Damaged("stream footer CRC");
        if ((BinaryPrimitives.ReadUInt32LittleEndian(footer[4..]) + 1UL) * 4 != (ulong)indexLength) throw Damaged("index length");
    }

    /// <summary>Section 1.2: seven bits a byte, at most nine bytes, no needless zero at the end.</summary>
    private static ulong ReadInteger(ReadOnlySpan<byte> data, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; shift < 63; shift += 7)
        {
            if (at >= data.Length) throw Damaged("truncated integer");
            byte next = data[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if ((next & 0x80) == 0) return next == 0 && shift != 0 ? throw Damaged("integer") : value;
        }
        throw Damaged("integer");
    }

    private static int CheckLength(Check check) => check switch
    {
        Check.None => 0,
        Check.Crc32 => 4,
        Check.Crc64 => 8,
        Check.Sha256 => 32,
        _ => throw new InvalidDataException($"xz: check type {(int)check} is not supported"),
    };

    private static bool Verify(Check check, ReadOnlySpan<byte> content, ReadOnlySpan<byte> expected) => check switch
    {
        Check.Crc32 => Crc.Compute32(content) == BinaryPrimitives.ReadUInt32LittleEndian(expected),
        Check.Crc64 => Crc.Compute64(content) == BinaryPrimitives.ReadUInt64LittleEndian(expected),
        Check.Sha256 => SHA256.HashData(content).AsSpan().SequenceEqual(expected),
        _ => true,
    };

    private static InvalidDataException Damaged(string what) => new($"xz: damaged file: {what}");
}
