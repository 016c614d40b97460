using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Doppel.IsaTests.Encoding;

/// <summary>What an instruction does with the world outside the registers: decides where the generator may use it.</summary>
internal enum InstructionKind
{
    /// <summary>Registers (and fflags) only.</summary>
    Compute,

    /// <summary>Changes sp only: not while sp is a pointer.</summary>
    StackAdjust,

    Load,
    Store,
    Amo,
    LoadReserved,
    StoreConditional,
    Branch,
    Jump,
    Csr,
    Fence,
    CacheBlock,
    System,
}

/// <summary>
/// One row of the table: mnemonic, extension, fixed bits, and operands in the order and punctuation of the assembler.
/// </summary>
internal sealed class Instruction
{
    private static readonly Regex s_operandName = new(@"\{([^}]*)\}", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));

    private readonly string _template;

    internal Instruction(string name, string extension, InstructionKind kind, uint match, string template)
    {
        Name = name;
        Extension = extension;
        Kind = kind;
        Match = match;
        _template = template;
        Operands = [.. s_operandName.Matches(template).Select(m => Encoding.Operands.Find(m.Groups[1].Value))];
        // Every bit that no operand holds is fixed.
        Mask = Operands.Aggregate(Length == 4 ? uint.MaxValue : 0xFFFFU, (mask, o) => mask & ~o.Scatter(o.FieldOnes));
        BaseOperand = Array.FindIndex(Operands, o => template.Contains($"({{{o.Name}}})", StringComparison.Ordinal));
    }

    internal string Name { get; }

    internal string Extension { get; }

    internal InstructionKind Kind { get; }

    internal uint Match { get; }

    /// <summary>The fixed bits of the word.</summary>
    internal uint Mask { get; }

    internal Operand[] Operands { get; }

    /// <summary>Index of the operand that is the base of an address, or -1 (none, or sp without being an operand).</summary>
    internal int BaseOperand { get; }

    /// <summary>True for the forms whose base is sp without saying so in an operand.</summary>
    internal bool UsesStackBase => _template.Contains("(sp)", StringComparison.Ordinal);

    internal int Length => (Match & 3) == 3 ? 4 : 2;

    /// <summary>Index of the operand that the instruction writes, or -1. The assembler's order puts it first.</summary>
    internal int Destination =>
        Operands.Length == 0 || !Operands[0].IsRegister || Kind is InstructionKind.Store or InstructionKind.Branch or InstructionKind.Fence
            or InstructionKind.CacheBlock or InstructionKind.System || Name is "c.jr" or "c.jalr" ? -1 : 0;

    internal uint Encode(params ReadOnlySpan<long> values)
    {
        if (values.Length != Operands.Length) throw new ArgumentException($"{Name} takes {Operands.Length} operands, not {values.Length}", nameof(values));
        uint word = Match;
        for (int i = 0; i < values.Length; i++)
        {
            if (!Operands[i].Takes(values[i]))
                throw new ArgumentOutOfRangeException(nameof(values), $"{Name}: operand {Operands[i].Name} can not be {values[i]}");
            word |= Operands[i].Scatter(values[i]);
        }
        return word;
    }

    /// <summary>The instruction as the GNU assembler reads it.</summary>
    internal string Format(ReadOnlySpan<long> values)
    {
        var text = new StringBuilder(Name);
        string operands = _template;
        for (int i = 0; i < values.Length; i++)
        {
            string place = $"{{{Operands[i].Name}}}";
            int at = operands.IndexOf(place, StringComparison.Ordinal);
            operands = string.Concat(operands.AsSpan(0, at), FormatOperand(Operands[i], values[i]), operands.AsSpan(at + place.Length));
        }
        // The ordering bits are a suffix of the mnemonic: their template holds the blank.
        if (!_template.StartsWith("{aqrl}", StringComparison.Ordinal)) text.Append(' ');
        return text.Append(operands).ToString().TrimEnd();
    }

    private string FormatOperand(Operand operand, long value) => operand.Class switch
    {
        OperandClass.X => RegisterNames.X[(int)value],
        OperandClass.F => RegisterNames.F[(int)value],
        OperandClass.Target => value < 0 ? $".{value}" : $".+{value}",
        OperandClass.Rounding => RegisterNames.Rounding[(int)value],
        OperandClass.Csr => string.Create(CultureInfo.InvariantCulture, $"0x{value:x}"),
        OperandClass.FenceSet => RegisterNames.FenceSet((int)value),
        OperandClass.Ordering => RegisterNames.Ordering[(int)value],
        // The assembler wants the 20 bits of LUI as they stand in the register, even in the compressed form.
        _ => Name == "c.lui" ? $"{value & 0xFFFFF}" : $"{value}",
    };
}
