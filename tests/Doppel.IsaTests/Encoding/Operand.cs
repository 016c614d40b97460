namespace Doppel.IsaTests.Encoding;

/// <summary>What an operand's number means.</summary>
internal enum OperandClass
{
    X,
    F,
    Immediate,
    Target,
    Rounding,
    Csr,
    FenceSet,
    Ordering,
}

/// <summary>
/// One operand of an instruction: which values it takes, and where the bits of the value stand in the instruction word. The places are
/// written as the manual draws them: <c>"31:25=11:5 11:7=4:0"</c> puts value bits 11 to 5 into word bits 31 to 25, and so on.
/// </summary>
internal sealed class Operand
{
    private readonly (int Word, int Value, int Count)[] _places;

    internal Operand(string name, OperandClass kind, string places)
    {
        Name = name;
        Class = kind;
        _places = [.. places.Split(' ').Select(ParsePlace)];
        Bits = _places.Max(p => p.Value + p.Count);
        Scale = 1 << _places.Min(p => p.Value);
    }

    internal string Name { get; }

    internal OperandClass Class { get; }

    /// <summary>Width of the value in bits.</summary>
    internal int Bits { get; }

    /// <summary>Every value is a multiple of this.</summary>
    internal int Scale { get; }

    /// <summary>True for an immediate in two's complement.</summary>
    internal bool Signed { get; init; }

    /// <summary>Number of the register that the field value zero stands for: 8 in the three-bit fields of compressed forms.</summary>
    internal int FirstRegister { get; init; }

    /// <summary>Values (registers or immediates) that this field does not take: they are another instruction, a hint, or reserved.</summary>
    internal long[] Excluded { get; init; } = [];

    /// <summary>A number whose bits fill the field.</summary>
    internal long FieldOnes => -1L + FirstRegister;

    internal bool IsRegister => Class is OperandClass.X or OperandClass.F;

    internal long Minimum => Signed ? -(1L << (Bits - 1)) : FirstRegister;

    internal long Maximum => (Signed ? 1L << (Bits - 1) : 1L << Bits) - Scale + FirstRegister;

    /// <summary>True if the field can hold a value and means this operand there.</summary>
    internal bool Takes(long value) =>
        value >= Minimum && value <= Maximum && value % Scale == 0 && !Excluded.Contains(value) && !(Class == OperandClass.Rounding && value is 5 or 6);

    /// <summary>The bits of the instruction word that hold a value.</summary>
    internal uint Scatter(long value)
    {
        ulong bits = (ulong)(value - FirstRegister);
        uint word = 0;
        foreach ((int at, int from, int count) in _places) word |= ((uint)(bits >> from) & ((1u << count) - 1)) << at;
        return word;
    }

    /// <summary>The value that an instruction word holds.</summary>
    internal long Gather(uint word)
    {
        ulong bits = 0;
        foreach ((int at, int from, int count) in _places) bits |= (ulong)((word >> at) & ((1u << count) - 1)) << from;
        long value = Signed ? (long)(bits << (64 - Bits)) >> (64 - Bits) : (long)bits;
        return value + FirstRegister;
    }

    private static (int Word, int Value, int Count) ParsePlace(string place)
    {
        string[] sides = place.Split('=');
        (int _, int wordLow) = ParseRange(sides[0]);
        (int high, int low) = ParseRange(sides[1]);
        return (wordLow, low, high - low + 1);
    }

    private static (int High, int Low) ParseRange(string range)
    {
        string[] ends = range.Split(':');
        return (int.Parse(ends[0]), int.Parse(ends[^1]));
    }
}
