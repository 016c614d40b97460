using System.Buffers.Binary;
using System.Numerics;

namespace Doppel.Devices.Backends.Block.Zstd;

/// <summary>
/// A bit stream that is read from its end to its beginning (RFC 8878, section 4.1): the highest set bit of the last byte only marks the
/// end. Before the beginning there are zeroes, and <see cref="Left"/> is negative. Thread contract: a value of one thread.
/// </summary>
internal ref struct ReverseBits
{
    private readonly ReadOnlySpan<byte> _bytes;

    internal ReverseBits(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || bytes[^1] == 0) throw new InvalidDataException("a bit stream has no end mark");
        _bytes = bytes;
        Left = (bytes.Length - 1) * 8 + BitOperations.Log2(bytes[^1]);
    }

    /// <summary>Bits that were not read; negative if too many were.</summary>
    internal int Left { get; private set; }

    /// <summary>The next bits, at most 32.</summary>
    internal readonly uint Peek(int count)
    {
        int start = Left - count;
        if (start >= 0) return (uint)(Load(start >> 3) >> (start & 7) & ((1UL << count) - 1));
        return Left <= 0 ? 0 : (uint)((Load(0) & ((1UL << Left) - 1)) << -start);
    }

    internal void Skip(int count) => Left -= count;

    internal uint Read(int count)
    {
        uint value = Peek(count);
        Left -= count;
        return value;
    }

    private readonly ulong Load(int at)
    {
        if (at + 8 <= _bytes.Length) return BinaryPrimitives.ReadUInt64LittleEndian(_bytes[at..]);
        ulong value = 0;
        for (int i = _bytes.Length - 1; i >= at; i--) value = value << 8 | _bytes[i];
        return value;
    }
}
