using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Reference counts in a piece of a refcount block, for each width from 1 to 64 bits (section "Refcount block entry"). Thread contract:
/// immutable.
/// </summary>
/// <param name="order">Binary logarithm of the bits of a count.</param>
internal readonly struct RefcountWidth(int order)
{
    internal ulong Largest => order == 6 ? ulong.MaxValue : (1UL << (1 << order)) - 1;

    internal ulong Get(ReadOnlySpan<byte> piece, int index) => order switch
    {
        3 => piece[index],
        4 => BinaryPrimitives.ReadUInt16BigEndian(piece[(index * 2)..]),
        5 => BinaryPrimitives.ReadUInt32BigEndian(piece[(index * 4)..]),
        6 => BinaryPrimitives.ReadUInt64BigEndian(piece[(index * 8)..]),
        // Below a byte the first count has the lowest bits.
        _ => (ulong)(piece[index >> (3 - order)] >> Shift(index)) & Largest,
    };

    internal void Set(Span<byte> piece, int index, ulong value)
    {
        switch (order)
        {
            case 3: piece[index] = (byte)value; break;
            case 4: BinaryPrimitives.WriteUInt16BigEndian(piece[(index * 2)..], (ushort)value); break;
            case 5: BinaryPrimitives.WriteUInt32BigEndian(piece[(index * 4)..], (uint)value); break;
            case 6: BinaryPrimitives.WriteUInt64BigEndian(piece[(index * 8)..], value); break;
            default:
                ref byte at = ref piece[index >> (3 - order)];
                at = (byte)((at & ~((int)Largest << Shift(index))) | ((int)value << Shift(index)));
                break;
        }
    }

    /// <summary>Index of the first count at or behind one that is zero, or -1.</summary>
    internal int FindZero(ReadOnlySpan<byte> piece, int from)
    {
        if (order == 4)
        {
            int found = MemoryMarshal.Cast<byte, ushort>(piece)[from..].IndexOf((ushort)0);
            return found < 0 ? -1 : from + found;
        }
        int count = (int)((long)piece.Length * 8 >> order);
        for (int i = from; i < count; i++)
        {
            if (Get(piece, i) == 0) return i;
        }
        return -1;
    }

    private int Shift(int index) => (index & ((1 << (3 - order)) - 1)) << order;
}
