namespace Doppel.Devices.Backends.Block.Zstd;

/// <summary>
/// Decodes and executes the sequences of a block (RFC 8878, sections 3.1.1.3.2 and 3.1.1.4): copy literals, then copy from what was decoded
/// before. Thread contract: one thread at a time.
/// </summary>
internal sealed class ZstdSequences
{
    private const int MaxAccuracy = 9, MaxOffsetAccuracy = 8;

    private readonly FseTable _literalTable = new(), _offsetTable = new(), _matchTable = new();
    private int _last1 = 1, _last2 = 4, _last3 = 8;

    /// <summary>Executes the sequences section of a block.</summary>
    /// <param name="data">The section.</param>
    /// <param name="literals">The literals of the block.</param>
    /// <param name="target">What the frame becomes.</param>
    /// <param name="written">Bytes that it has so far.</param>
    /// <returns>Bytes that it has afterwards.</returns>
    internal int Execute(ReadOnlySpan<byte> data, ReadOnlySpan<byte> literals, Span<byte> target, int written)
    {
        int count = ReadCount(ref data);
        if (count > 0)
        {
            ReadTables(ref data);
            ReverseBits bits = new(data);
            uint literalState = bits.Read(_literalTable.Accuracy);
            uint offsetState = bits.Read(_offsetTable.Accuracy), matchState = bits.Read(_matchTable.Accuracy);
            for (int i = 0; i < count; i++)
            {
                FseTable.Entry literal = _literalTable[literalState], offset = _offsetTable[offsetState], match = _matchTable[matchState];
                (int literalCount, int distance, int matchCount) = ReadSequence(ref bits, literal.Symbol, offset.Symbol, match.Symbol);
                if (literalCount > literals.Length) throw new InvalidDataException("there are too few literals");
                Copy(literals[..literalCount], target, ref written);
                literals = literals[literalCount..];
                CopyMatch(distance, matchCount, target, ref written);
                if (i == count - 1) break;
                literalState = literal.Base + bits.Read(literal.Bits);
                matchState = match.Base + bits.Read(match.Bits);
                offsetState = offset.Base + bits.Read(offset.Bits);
                if (bits.Left < 0) throw new InvalidDataException("the sequences are cut short");
            }
            if (bits.Left != 0) throw new InvalidDataException("the sequences have a wrong length");
        }
        Copy(literals, target, ref written);
        return written;
    }

    private static int ReadCount(ref ReadOnlySpan<byte> data)
    {
        byte first = Take(ref data);
        if (first < 128) return first;
        return first < 255 ? (first - 128 << 8) + Take(ref data) : Take(ref data) + (Take(ref data) << 8) + 0x7F00;
    }

    private void ReadTables(ref ReadOnlySpan<byte> data)
    {
        int modes = Take(ref data);
        if ((modes & 3) != 0) throw new InvalidDataException("a block has reserved bits set");
        ReadTable(ref data, _literalTable, modes >> 6, Kind.Literals);
        ReadTable(ref data, _offsetTable, modes >> 4 & 3, Kind.Offset);
        ReadTable(ref data, _matchTable, modes >> 2 & 3, Kind.Match);
    }

    private static void ReadTable(ref ReadOnlySpan<byte> data, FseTable table, int mode, Kind kind)
    {
        int largest = kind switch { Kind.Literals => SequenceTables.MaxLiteralsCode, Kind.Offset => SequenceTables.MaxOffsetCode, _ => SequenceTables.MaxMatchCode };
        switch (mode)
        {
            case 0:
                table.Build(
                    kind switch { Kind.Literals => SequenceTables.Literals, Kind.Offset => SequenceTables.Offset, _ => SequenceTables.Match },
                    kind switch { Kind.Literals => SequenceTables.LiteralsAccuracy, Kind.Offset => SequenceTables.OffsetAccuracy, _ => SequenceTables.MatchAccuracy });
                break;
            case 1:
                byte symbol = Take(ref data);
                if (symbol > largest) throw new InvalidDataException("a code is too large");
                table.SetSingle(symbol);
                break;
            case 2:
                data = data[table.Read(data, kind == Kind.Offset ? MaxOffsetAccuracy : MaxAccuracy, largest + 1)..];
                break;
            default:
                if (table.Accuracy < 0) throw new InvalidDataException("a block refers to a table that was not there");
                break;
        }
    }

    private (int Literals, int Distance, int Match) ReadSequence(ref ReverseBits bits, byte literalCode, byte offsetCode, byte matchCode)
    {
        uint offset = (1u << offsetCode) + bits.Read(offsetCode);
        int match = SequenceTables.MatchBase[matchCode] + (int)bits.Read(SequenceTables.MatchBits[matchCode]);
        int literals = SequenceTables.LiteralsBase[literalCode] + (int)bits.Read(SequenceTables.LiteralsBits[literalCode]);
        return (literals, Distance(offset, literals == 0), match);
    }

    // Section 3.1.1.5: the last three distances have short codes, which mean the next one where no literals are between.
    private int Distance(uint code, bool noLiterals)
    {
        if (code > 3)
        {
            (_last3, _last2, _last1) = (_last2, _last1, (int)Math.Min(code - 3, int.MaxValue));
            return _last1;
        }
        int index = (int)code + (noLiterals ? 1 : 0);
        int distance = index switch { 1 => _last1, 2 => _last2, 3 => _last3, _ => _last1 - 1 };
        if (index >= 3) _last3 = _last2;
        if (index >= 2) _last2 = _last1;
        _last1 = distance;
        return distance;
    }

    private static void Copy(ReadOnlySpan<byte> bytes, Span<byte> target, ref int written)
    {
        if (bytes.Length > target.Length - written) throw new InvalidDataException("there is more data than there should be");
        bytes.CopyTo(target[written..]);
        written += bytes.Length;
    }

    // What is copied may overlap what it becomes: then it repeats.
    private static void CopyMatch(int distance, int count, Span<byte> target, ref int written)
    {
        if (distance <= 0 || distance > written) throw new InvalidDataException("a match lies before the beginning");
        if (count > target.Length - written) throw new InvalidDataException("there is more data than there should be");
        int from = written - distance;
        if (distance >= count) target.Slice(from, count).CopyTo(target[written..]);
        else for (int i = 0; i < count; i++) target[written + i] = target[from + i];
        written += count;
    }

    private static byte Take(ref ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty) throw new InvalidDataException("the sequences are cut short");
        byte value = data[0];
        data = data[1..];
        return value;
    }

    private enum Kind
    {
        Literals,
        Offset,
        Match,
    }
}
