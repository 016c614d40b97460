using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Block.Zstd;

/// <summary>
/// Decodes Zstandard frames (RFC 8878; sections here are that document's) into memory of a known size, which is the window too.
/// Dictionaries are not known; checksums are skipped, since whoever reads a cluster finds out by its size. Thread contract: one thread at a
/// time.
/// </summary>
internal sealed class ZstdDecoder
{
    private const uint FrameMagic = 0xFD2F_B528, SkippableMagic = 0x184D_2A50;
    private const int MaxBlock = 128 << 10;

    private readonly byte[] _literals = new byte[MaxBlock];
    private readonly HuffmanTable _huffman = new();
    private readonly ZstdSequences _sequences = new();

    /// <summary>Decodes until the target is full or the frames end.</summary>
    /// <returns>Bytes in the target.</returns>
    /// <exception cref="InvalidDataException">It is not Zstandard, or damaged, or longer than the target.</exception>
    internal static int Decode(ReadOnlySpan<byte> source, Span<byte> target)
    {
        int written = 0;
        while (written < target.Length && source.Length >= 4)
        {
            uint magic = BinaryPrimitives.ReadUInt32LittleEndian(source);
            if ((magic & ~15u) == SkippableMagic)
            {
                uint length = source.Length < 8 ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(source[4..]);
                source = source[(int)Math.Min(length + 8L, source.Length)..];
                continue;
            }
            if (magic != FrameMagic) throw new InvalidDataException("there is no Zstandard frame");
            written += new ZstdDecoder().DecodeFrame(ref source, target[written..]);
        }
        return written;
    }

    private int DecodeFrame(ref ReadOnlySpan<byte> source, Span<byte> target)
    {
        Take(ref source, 4);
        bool hasChecksum = SkipHeader(ref source);
        int written = 0;
        bool isLast;
        do
        {
            ReadOnlySpan<byte> header = Take(ref source, 3);
            int value = header[0] | header[1] << 8 | header[2] << 16, size = value >> 3;
            isLast = (value & 1) != 0;
            written = (value >> 1 & 3) switch
            {
                0 => Append(Take(ref source, size), target, written),
                1 => Fill(Take(ref source, 1)[0], size, target, written),
                2 => DecodeBlock(Take(ref source, size), target, written),
                _ => throw new InvalidDataException("a block has a reserved type"),
            };
        }
        while (!isLast);
        if (hasChecksum) Take(ref source, 4);
        return written;
    }

    // Section 3.1.1.1. The sizes of window and content tell nothing that the target does not.
    private static bool SkipHeader(ref ReadOnlySpan<byte> source)
    {
        byte descriptor = Take(ref source, 1)[0];
        if ((descriptor & 8) != 0) throw new InvalidDataException("a frame has a reserved bit set");
        bool isSingle = (descriptor & 0x20) != 0;
        if (!isSingle) Take(ref source, 1);
        int dictionary = (descriptor & 3) switch { 0 => 0, 1 => 1, 2 => 2, _ => 4 };
        foreach (byte part in Take(ref source, dictionary))
        {
            if (part != 0) throw new InvalidDataException("a frame needs a dictionary");
        }
        Take(ref source, (descriptor >> 6) switch { 0 => isSingle ? 1 : 0, 1 => 2, 2 => 4, _ => 8 });
        return (descriptor & 4) != 0;
    }

    private int DecodeBlock(ReadOnlySpan<byte> block, Span<byte> target, int written)
    {
        int literals = ReadLiterals(ref block);
        return _sequences.Execute(block, _literals.AsSpan(0, literals), target, written);
    }

    // Section 3.1.1.3.1.
    private int ReadLiterals(ref ReadOnlySpan<byte> block)
    {
        if (block.IsEmpty) throw new InvalidDataException("a block is empty");
        int type = block[0] & 3, format = block[0] >> 2 & 3;
        if (type >= 2) return ReadCoded(ref block, format, hasTree: type == 2);
        int headerLength = (format & 1) == 0 ? 1 : format == 1 ? 2 : 3;
        int size = (int)(LittleEndian(Take(ref block, headerLength)) >> (headerLength == 1 ? 3 : 4));
        if (size > MaxBlock) throw new InvalidDataException("a block has too many literals");
        if (type == 0) Take(ref block, size).CopyTo(_literals);
        else _literals.AsSpan(0, size).Fill(Take(ref block, 1)[0]);
        return size;
    }

    private int ReadCoded(ref ReadOnlySpan<byte> block, int format, bool hasTree)
    {
        int headerLength = format < 2 ? 3 : format + 2, width = format < 2 ? 10 : format == 2 ? 14 : 18;
        ulong header = LittleEndian(Take(ref block, headerLength));
        int size = (int)(header >> 4 & ((1UL << width) - 1)), packed = (int)(header >> (4 + width) & ((1UL << width) - 1));
        if (size > MaxBlock) throw new InvalidDataException("a block has too many literals");
        ReadOnlySpan<byte> data = Take(ref block, packed);
        if (hasTree) Take(ref data, _huffman.Read(data));
        if (!_huffman.IsBuilt) throw new InvalidDataException("a block refers to a Huffman tree that was not there");
        Span<byte> target = _literals.AsSpan(0, size);
        if (format == 0) _huffman.Decode(data, target);
        else DecodeFour(data, target);
        return size;
    }

    // Section 4.2.2: three lengths, then four streams of a quarter each.
    private void DecodeFour(ReadOnlySpan<byte> data, Span<byte> target)
    {
        ReadOnlySpan<byte> lengths = Take(ref data, 6);
        int quarter = (target.Length + 3) / 4;
        if (quarter * 3 > target.Length) throw new InvalidDataException("there are too few literals for four streams");
        for (int i = 0; i < 3; i++)
        {
            _huffman.Decode(Take(ref data, BinaryPrimitives.ReadUInt16LittleEndian(lengths[(2 * i)..])), target[..quarter]);
            target = target[quarter..];
        }
        _huffman.Decode(data, target);
    }

    private static int Append(ReadOnlySpan<byte> bytes, Span<byte> target, int written)
    {
        if (bytes.Length > target.Length - written) throw new InvalidDataException("there is more data than there should be");
        bytes.CopyTo(target[written..]);
        return written + bytes.Length;
    }

    private static int Fill(byte value, int count, Span<byte> target, int written)
    {
        if (count > target.Length - written) throw new InvalidDataException("there is more data than there should be");
        target.Slice(written, count).Fill(value);
        return written + count;
    }

    private static ulong LittleEndian(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = bytes.Length - 1; i >= 0; i--) value = value << 8 | bytes[i];
        return value;
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> source, int count)
    {
        if (count > source.Length) throw new InvalidDataException("the data is cut short");
        ReadOnlySpan<byte> taken = source[..count];
        source = source[count..];
        return taken;
    }
}
