using System.Numerics;

namespace Doppel.Devices.Backends.Block.Zstd;

/// <summary>The Huffman code of literals (RFC 8878, section 4.2). Thread contract: as its owner.</summary>
internal sealed class HuffmanTable
{
    private const int MaxBits = 11, MaxSymbols = 256, WeightAccuracy = 6;

    private readonly Entry[] _entries = new Entry[1 << MaxBits];
    private readonly FseTable _weightTable = new();
    private readonly byte[] _weights = new byte[MaxSymbols];
    private int _bits;

    /// <summary>True if there is a code.</summary>
    internal bool IsBuilt => _bits > 0;

    /// <summary>Reads a tree description (section 4.2.1).</summary>
    /// <returns>Its length in bytes.</returns>
    internal int Read(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty) throw new InvalidDataException("a Huffman tree is missing");
        int header = data[0], count, bytes;
        if (header >= 128)
        {
            count = header - 127;
            bytes = 1 + (count + 1) / 2;
            if (bytes > data.Length) throw new InvalidDataException("a Huffman tree is cut short");
            for (int i = 0; i < count; i++) _weights[i] = (byte)((i & 1) == 0 ? data[1 + i / 2] >> 4 : data[1 + i / 2] & 15);
        }
        else
        {
            bytes = 1 + header;
            if (bytes > data.Length) throw new InvalidDataException("a Huffman tree is cut short");
            count = ReadWeights(data[1..bytes]);
        }
        Build(count);
        return bytes;
    }

    /// <summary>Decodes one stream (section 4.2.2), which gives exactly the bytes that are wanted.</summary>
    internal void Decode(ReadOnlySpan<byte> stream, Span<byte> target)
    {
        ReverseBits bits = new(stream);
        for (int i = 0; i < target.Length; i++)
        {
            Entry entry = _entries[bits.Peek(_bits)];
            target[i] = entry.Symbol;
            bits.Skip(entry.Bits);
        }
        if (bits.Left != 0) throw new InvalidDataException("a stream of literals has a wrong length");
    }

    // Section 4.2.1.2: two states take turns until the bits are used up.
    private int ReadWeights(ReadOnlySpan<byte> data)
    {
        int at = _weightTable.Read(data, WeightAccuracy, MaxSymbols), count = 0;
        ReverseBits bits = new(data[at..]);
        uint first = bits.Read(_weightTable.Accuracy), second = bits.Read(_weightTable.Accuracy);
        if (bits.Left < 0) throw new InvalidDataException("the weights of a Huffman tree are cut short");
        while (true)
        {
            if (count >= MaxSymbols - 2) throw new InvalidDataException("a Huffman tree has too many symbols");
            FseTable.Entry entry = _weightTable[first];
            _weights[count++] = entry.Symbol;
            first = entry.Base + bits.Read(entry.Bits);
            if (bits.Left < 0) break;
            (first, second) = (second, first);
        }
        _weights[count++] = _weightTable[second].Symbol;
        return count;
    }

    private void Build(int count)
    {
        uint sum = 0;
        for (int i = 0; i < count; i++)
        {
            if (_weights[i] > MaxBits) throw new InvalidDataException("a Huffman code is too long");
            sum += _weights[i] == 0 ? 0 : 1u << (_weights[i] - 1);
        }
        if (sum == 0) throw new InvalidDataException("a Huffman tree is empty");
        int bits = BitOperations.Log2(sum) + 1;
        uint left = (1u << bits) - sum;
        // The last weight is not written: it fills the code up.
        if (bits > MaxBits || !BitOperations.IsPow2(left) || count >= MaxSymbols)
            throw new InvalidDataException("a Huffman tree is not complete");
        _weights[count++] = (byte)(BitOperations.Log2(left) + 1);
        int at = 0;
        for (int weight = 1; weight <= bits; weight++)
        {
            for (int symbol = 0; symbol < count; symbol++)
            {
                if (_weights[symbol] != weight) continue;
                _entries.AsSpan(at, 1 << (weight - 1)).Fill(new Entry((byte)symbol, (byte)(bits + 1 - weight)));
                at += 1 << (weight - 1);
            }
        }
        _bits = bits;
    }

    private readonly record struct Entry(byte Symbol, byte Bits);
}
