using System.Buffers.Binary;

namespace Doppel.Images.Archives;

/// <summary>
/// LZMA: a range coder with adaptive bit models over literals, matches and four remembered distances (the LZMA specification of the
/// LZMA SDK; names are its names). Thread contract: one thread.
/// </summary>
internal sealed class LzmaDecoder
{
    private const int PositionStates = 16;
    private const int States = 12;
    private const int LowLengthBits = 3;
    private const int HighLengthBits = 8;
    private const int AlignBits = 4;
    private const int EndPositionModelIndex = 14;
    private const ushort HalfProbability = 1 << 10;

    private readonly ushort[] _isMatch = new ushort[States * PositionStates];
    private readonly ushort[] _isRep = new ushort[States];
    private readonly ushort[] _isRepG0 = new ushort[States];
    private readonly ushort[] _isRepG1 = new ushort[States];
    private readonly ushort[] _isRepG2 = new ushort[States];
    private readonly ushort[] _isRep0Long = new ushort[States * PositionStates];
    private readonly ushort[] _distanceSlot = new ushort[4 << 6];
    private readonly ushort[] _distanceSpecial = new ushort[1 + 128 - EndPositionModelIndex];
    private readonly ushort[] _distanceAlign = new ushort[1 << AlignBits];
    private readonly LengthModel _matchLength = new();
    private readonly LengthModel _repLength = new();
    private ushort[] _literal = [];
    private int _literalContextBits;
    private int _literalPositionMask;
    private int _positionMask;
    private bool _hasProperties;
    private int _state;
    private uint _rep0;
    private uint _rep1;
    private uint _rep2;
    private uint _rep3;

    /// <summary>Takes the properties byte (lc, lp, pb) and resets the state.</summary>
    public void SetProperties(byte properties)
    {
        if (properties >= 9 * 5 * 5) throw Damaged("LZMA properties");
        int lc = properties % 9;
        int lp = properties / 9 % 5;
        int pb = properties / 45;
        // LZMA2 allows no more than four literal bits together, which bounds the table.
        if (lc + lp > 4) throw Damaged("LZMA properties");
        _literalContextBits = lc;
        _literalPositionMask = (1 << lp) - 1;
        _positionMask = (1 << pb) - 1;
        _literal = new ushort[0x300 << (lc + lp)];
        _hasProperties = true;
        ResetState();
    }

    /// <summary>The next packed chunk must bring properties of its own.</summary>
    public void ForgetProperties() => _hasProperties = false;

    /// <summary>Sets every model to one half and forgets the remembered distances.</summary>
    public void ResetState()
    {
        _state = 0;
        _rep0 = _rep1 = _rep2 = _rep3 = 0;
        foreach (ushort[] model in (ReadOnlySpan<ushort[]>)[_isMatch, _isRep, _isRepG0, _isRepG1, _isRepG2, _isRep0Long,
            _distanceSlot, _distanceSpecial, _distanceAlign, _literal])
            Array.Fill(model, HalfProbability);
        _matchLength.Reset();
        _repLength.Reset();
    }

    /// <summary>Unpacks one chunk to the end of the window.</summary>
    /// <param name="data">The packed bytes, range coder start included.</param>
    /// <param name="window">The dictionary so far and, after it, the place of the result.</param>
    /// <param name="at">Where the result starts.</param>
    public void Decode(ReadOnlySpan<byte> data, Span<byte> window, int at)
    {
        if (!_hasProperties) throw Damaged("LZMA chunk without properties");
        var coder = new RangeDecoder(data);
        while (at < window.Length)
        {
            int positionState = at & _positionMask;
            if (coder.Bit(ref _isMatch[(_state * PositionStates) + positionState]) == 0)
            {
                window[at] = Literal(ref coder, window, at);
                at++;
                continue;
            }
            int length = coder.Bit(ref _isRep[_state]) == 0 ? Match(ref coder, positionState) : Repeat(ref coder, positionState);
            if (_rep0 >= (uint)at || length > window.Length - at) throw Damaged("match outside of the dictionary");
            CopyMatch(window, at, (int)_rep0 + 1, length);
            at += length;
        }
        coder.Finish();
    }

    private static void CopyMatch(Span<byte> window, int at, int distance, int length)
    {
        if (distance >= length)
        {
            window.Slice(at - distance, length).CopyTo(window[at..]);
            return;
        }
        for (int end = at + length; at < end; at++) window[at] = window[at - distance];
    }

    private byte Literal(ref RangeDecoder coder, ReadOnlySpan<byte> window, int at)
    {
        int previous = at > 0 ? window[at - 1] : 0;
        int context = ((at & _literalPositionMask) << _literalContextBits) + (previous >> (8 - _literalContextBits));
        Span<ushort> models = _literal.AsSpan(0x300 * context, 0x300);
        uint symbol = 1;
        if (_state >= 7)
        {
            if (_rep0 >= (uint)at) throw Damaged("distance outside of the dictionary");
            // After a match the byte at the last distance helps to guess, until the first bit that differs.
            uint matched = window[at - (int)_rep0 - 1];
            do
            {
                uint matchBit = (matched >> 7) & 1;
                matched <<= 1;
                uint bit = coder.Bit(ref models[(int)(((1 + matchBit) << 8) + symbol)]);
                symbol = (symbol << 1) | bit;
                if (matchBit != bit) break;
            }
            while (symbol < 0x100);
        }
        while (symbol < 0x100) symbol = (symbol << 1) | coder.Bit(ref models[(int)symbol]);
        _state = _state < 4 ? 0 : _state < 10 ? _state - 3 : _state - 6;
        return (byte)symbol;
    }

    private int Match(ref RangeDecoder coder, int positionState)
    {
        (_rep3, _rep2, _rep1) = (_rep2, _rep1, _rep0);
        int length = _matchLength.Decode(ref coder, positionState);
        _state = _state < 7 ? 7 : 10;
        _rep0 = Distance(ref coder, length);
        return length + 2;
    }

    private uint Distance(ref RangeDecoder coder, int length)
    {
        int slot = (int)coder.Tree(_distanceSlot.AsSpan(Math.Min(length, 3) << 6, 64), 6);
        if (slot < 4) return (uint)slot;
        int directBits = (slot >> 1) - 1;
        uint distance = (2u | ((uint)slot & 1)) << directBits;
        if (slot < EndPositionModelIndex)
            return distance + coder.ReverseTree(_distanceSpecial.AsSpan((int)distance - slot), directBits);
        distance += coder.Direct(directBits - AlignBits) << AlignBits;
        return distance + coder.ReverseTree(_distanceAlign, AlignBits);
    }

    private int Repeat(ref RangeDecoder coder, int positionState)
    {
        if (coder.Bit(ref _isRepG0[_state]) == 0)
        {
            if (coder.Bit(ref _isRep0Long[(_state * PositionStates) + positionState]) == 0)
            {
                _state = _state < 7 ? 9 : 11;
                return 1;
            }
        }
        else if (coder.Bit(ref _isRepG1[_state]) == 0)
        {
            (_rep0, _rep1) = (_rep1, _rep0);
        }
        else if (coder.Bit(ref _isRepG2[_state]) == 0)
        {
            (_rep0, _rep1, _rep2) = (_rep2, _rep0, _rep1);
        }
        else
        {
            (_rep0, _rep1, _rep2, _rep3) = (_rep3, _rep0, _rep1, _rep2);
        }
        int length = _repLength.Decode(ref coder, positionState);
        _state = _state < 7 ? 8 : 11;
        return length + 2;
    }

    private static InvalidDataException Damaged(string what) => new($"xz: damaged file: {what}");

    private sealed class LengthModel
    {
        private readonly ushort[] _choice = new ushort[2];
        private readonly ushort[] _low = new ushort[PositionStates << LowLengthBits];
        private readonly ushort[] _middle = new ushort[PositionStates << LowLengthBits];
        private readonly ushort[] _high = new ushort[1 << HighLengthBits];

        public void Reset()
        {
            foreach (ushort[] model in (ReadOnlySpan<ushort[]>)[_choice, _low, _middle, _high]) Array.Fill(model, HalfProbability);
        }

        public int Decode(ref RangeDecoder coder, int positionState)
        {
            int at = positionState << LowLengthBits;
            if (coder.Bit(ref _choice[0]) == 0) return (int)coder.Tree(_low.AsSpan(at, 8), LowLengthBits);
            if (coder.Bit(ref _choice[1]) == 0) return 8 + (int)coder.Tree(_middle.AsSpan(at, 8), LowLengthBits);
            return 16 + (int)coder.Tree(_high, HighLengthBits);
        }
    }

    private ref struct RangeDecoder
    {
        private const int ProbabilityBits = 11;
        private const int MoveBits = 5;
        private readonly ReadOnlySpan<byte> _data;
        private int _at;
        private uint _range;
        private uint _code;

        public RangeDecoder(ReadOnlySpan<byte> data)
        {
            if (data.Length < 5 || data[0] != 0) throw Damaged("range coder start");
            _data = data;
            _code = BinaryPrimitives.ReadUInt32BigEndian(data[1..]);
            _range = uint.MaxValue;
            _at = 5;
        }

        public uint Bit(ref ushort probability)
        {
            Normalise();
            uint bound = (_range >> ProbabilityBits) * probability;
            if (_code < bound)
            {
                _range = bound;
                probability += (ushort)(((1 << ProbabilityBits) - probability) >> MoveBits);
                return 0;
            }
            _range -= bound;
            _code -= bound;
            probability -= (ushort)(probability >> MoveBits);
            return 1;
        }

        public uint Tree(Span<ushort> models, int bits)
        {
            uint symbol = 1;
            for (int i = 0; i < bits; i++) symbol = (symbol << 1) | Bit(ref models[(int)symbol]);
            return symbol - (1u << bits);
        }

        public uint ReverseTree(Span<ushort> models, int bits)
        {
            uint node = 1;
            uint symbol = 0;
            for (int i = 0; i < bits; i++)
            {
                uint bit = Bit(ref models[(int)node]);
                node = (node << 1) | bit;
                symbol |= bit << i;
            }
            return symbol;
        }

        public uint Direct(int bits)
        {
            uint value = 0;
            for (; bits > 0; bits--)
            {
                Normalise();
                _range >>= 1;
                uint bit = _code >= _range ? 1u : 0u;
                _code -= _range * bit;
                value = (value << 1) | bit;
            }
            return value;
        }

        public void Finish()
        {
            Normalise();
            if (_code != 0 || _at != _data.Length) throw Damaged("end of an LZMA chunk");
        }

        private void Normalise()
        {
            if (_range >= 1u << 24) return;
            if (_at >= _data.Length) throw Damaged("LZMA chunk too short");
            _range <<= 8;
            _code = (_code << 8) | _data[_at++];
        }
    }
}
