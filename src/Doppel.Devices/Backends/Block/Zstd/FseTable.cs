using System.Numerics;

namespace Doppel.Devices.Backends.Block.Zstd;

/// <summary>A decoding table of finite state entropy (RFC 8878, section 4.1). Thread contract: as its owner.</summary>
internal sealed class FseTable
{
    private const int MaxAccuracy = 9, MaxSymbols = 256;

    private readonly Entry[] _entries = new Entry[1 << MaxAccuracy];
    private readonly ushort[] _next = new ushort[MaxSymbols];

    /// <summary>Binary logarithm of the number of states, or -1 as long as there is no table.</summary>
    internal int Accuracy { get; private set; } = -1;

    internal Entry this[uint state] => _entries[state];

    /// <summary>A table of one symbol, which needs no bits.</summary>
    internal void SetSingle(byte symbol)
    {
        Accuracy = 0;
        _entries[0] = new Entry(0, symbol, 0);
    }

    /// <summary>Builds the table from the probabilities of the symbols; -1 stands for less than one (section 4.1.1).</summary>
    internal void Build(ReadOnlySpan<short> probabilities, int accuracy)
    {
        int size = 1 << accuracy, high = size, position = 0, step = (size >> 1) + (size >> 3) + 3;
        for (int symbol = 0; symbol < probabilities.Length; symbol++)
        {
            _next[symbol] = (ushort)Math.Abs((int)probabilities[symbol]);
            if (probabilities[symbol] == -1) _entries[--high] = new Entry(0, (byte)symbol, 0);
        }
        for (int symbol = 0; symbol < probabilities.Length; symbol++)
        {
            for (int i = 0; i < probabilities[symbol]; i++)
            {
                _entries[position] = new Entry(0, (byte)symbol, 0);
                do position = (position + step) & (size - 1);
                while (position >= high);
            }
        }
        for (int state = 0; state < size; state++)
        {
            byte symbol = _entries[state].Symbol;
            int next = _next[symbol]++;
            int bits = accuracy - BitOperations.Log2((uint)next);
            _entries[state] = new Entry((ushort)((next << bits) - size), symbol, (byte)bits);
        }
        Accuracy = accuracy;
    }

    /// <summary>Reads a table description (section 4.1.1).</summary>
    /// <returns>Its length in bytes.</returns>
    internal int Read(ReadOnlySpan<byte> data, int maxAccuracy, int maxSymbols)
    {
        ForwardBits bits = new(data);
        int accuracy = (int)bits.Read(4) + 5;
        if (accuracy > maxAccuracy) throw new InvalidDataException("a table has too many states");
        Span<short> probabilities = stackalloc short[MaxSymbols];
        int remaining = 1 << accuracy, count = 0;
        while (remaining > 0)
        {
            if (count >= maxSymbols) throw new InvalidDataException("a table has too many symbols");
            int probability = ReadProbability(ref bits, remaining);
            probabilities[count++] = (short)probability;
            remaining -= Math.Abs(probability);
            if (probability != 0) continue;
            uint repeat;
            do
            {
                repeat = bits.Read(2);
                count += (int)repeat;
                if (count > maxSymbols) throw new InvalidDataException("a table has too many symbols");
            }
            while (repeat == 3);
        }
        if (remaining != 0) throw new InvalidDataException("the probabilities of a table have a wrong sum");
        int bytes = bits.BytesRead;
        Build(probabilities[..count], accuracy);
        return bytes;
    }

    // Small values take a bit less, so that no code is wasted.
    private static int ReadProbability(ref ForwardBits bits, int remaining)
    {
        int width = BitOperations.Log2((uint)remaining + 1) + 1;
        int low = (1 << (width - 1)) - 1, threshold = (1 << width) - 1 - (remaining + 1);
        int value = (int)bits.Peek(width);
        if ((value & low) < threshold)
        {
            bits.Skip(width - 1);
            return (value & low) - 1;
        }
        bits.Skip(width);
        return (value > low ? value - threshold : value) - 1;
    }

    /// <summary>What a state says.</summary>
    /// <param name="Base">The next state, to which the bits are added.</param>
    /// <param name="Symbol">The symbol.</param>
    /// <param name="Bits">How many bits to read.</param>
    internal readonly record struct Entry(ushort Base, byte Symbol, byte Bits);

    private ref struct ForwardBits(ReadOnlySpan<byte> data)
    {
        private readonly ReadOnlySpan<byte> _data = data;
        private int _position;

        internal readonly int BytesRead => _position + 7 >> 3;

        internal readonly uint Peek(int count)
        {
            uint value = 0;
            for (int i = 0; i < 4 && (_position >> 3) + i < _data.Length; i++) value |= (uint)_data[(_position >> 3) + i] << (8 * i);
            return value >> (_position & 7) & ((1u << count) - 1);
        }

        internal void Skip(int count)
        {
            _position += count;
            if (BytesRead > _data.Length) throw new InvalidDataException("a table is cut short");
        }

        internal uint Read(int count)
        {
            uint value = Peek(count);
            Skip(count);
            return value;
        }
    }
}
