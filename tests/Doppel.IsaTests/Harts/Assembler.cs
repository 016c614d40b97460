using System.Globalization;
using Doppel.IsaTests.Encoding;
using Doppel.IsaTests.Streams;

namespace Doppel.IsaTests.Harts;

/// <summary>
/// Makes code from assembler text, with the instruction table as its grammar. Knows labels, numbers, the usual pseudo-instructions,
/// <c>.dword</c>, <c>.word</c>, <c>.half</c> and <c>.align</c> (in bytes).
/// </summary>
internal sealed class Assembler
{
    private static readonly char[] s_separators = [' ', '\t', ',', '(', ')'];
    private static readonly string[] s_orderings = [".aqrl", ".aq", ".rl"];

    private readonly List<byte> _code = [];
    private readonly ulong _origin;
    private readonly bool _final;
    private readonly IReadOnlyDictionary<string, ulong> _known;

    private Assembler(ulong origin, IReadOnlyDictionary<string, ulong> known, bool final)
    {
        _origin = origin;
        _known = known;
        _final = final;
    }

    private Dictionary<string, ulong> Labels { get; } = new(StringComparer.Ordinal);

    private ulong Here => _origin + (ulong)_code.Count;

    /// <summary>Assembles text for an address.</summary>
    /// <param name="source">Lines or statements separated by semicolons; <c>#</c> begins a comment.</param>
    /// <param name="origin">Where the code will stand.</param>
    internal static (byte[] Code, IReadOnlyDictionary<string, ulong> Labels) Assemble(string source, ulong origin)
    {
        // The first pass finds the labels: the size of a statement never depends on one.
        var first = new Assembler(origin, new Dictionary<string, ulong>(StringComparer.Ordinal), final: false);
        first.Run(source);
        var second = new Assembler(origin, first.Labels, final: true);
        second.Run(source);
        return ([.. second._code], second.Labels);
    }

    private void Run(string source)
    {
        foreach (string line in source.Split('\n'))
        {
            foreach (string statement in line.Split('#')[0].Split(';')) Assemble(statement.Trim());
        }
    }

    private void Assemble(string statement)
    {
        int colon = statement.IndexOf(':', StringComparison.Ordinal);
        if (colon >= 0)
        {
            Labels[statement[..colon].Trim()] = Here;
            statement = statement[(colon + 1)..].Trim();
        }
        if (statement.Length == 0) return;
        string[] words = statement.Split(s_separators, StringSplitOptions.RemoveEmptyEntries);
        if (!TryDirective(words) && !TryPseudo(words)) Emit(words[0], words[1..]);
    }

    private bool TryDirective(string[] words)
    {
        switch (words[0])
        {
            case ".dword": Append(words, 8); return true;
            case ".word": Append(words, 4); return true;
            case ".half": Append(words, 2); return true;
            case ".align":
                while ((long)Here % Number(words[1]) != 0) _code.Add(0);
                return true;
            default: return false;
        }
    }

    private void Append(string[] words, int size)
    {
        foreach (string word in words.Skip(1))
        {
            ulong value = (ulong)Value(word);
            for (int i = 0; i < size; i++) _code.Add((byte)(value >> (8 * i)));
        }
    }

    private bool TryPseudo(string[] w)
    {
        switch (w[0])
        {
            case "nop": Emit("addi", ["zero", "zero", "0"]); return true;
            case "mv": Emit("addi", [w[1], w[2], "0"]); return true;
            case "not": Emit("xori", [w[1], w[2], "-1"]); return true;
            case "j": Emit("jal", ["zero", w[1]]); return true;
            case "jr": Emit("jalr", ["zero", "0", w[1]]); return true;
            case "ret": Emit("jalr", ["zero", "0", "ra"]); return true;
            case "beqz": Emit("beq", [w[1], "zero", w[2]]); return true;
            case "bnez": Emit("bne", [w[1], "zero", w[2]]); return true;
            case "csrr": Emit("csrrs", [w[1], w[2], "zero"]); return true;
            case "csrw": Emit("csrrw", ["zero", w[1], w[2]]); return true;
            case "csrs": Emit("csrrs", ["zero", w[1], w[2]]); return true;
            case "csrc": Emit("csrrc", ["zero", w[1], w[2]]); return true;
            case "csrwi": Emit("csrrwi", ["zero", w[1], w[2]]); return true;
            case "sfence.vma" when w.Length == 1: Emit("sfence.vma", ["zero", "zero"]); return true;
            case "li": EmitConstant(w[1], Number(w[2])); return true;
            case "la": EmitAddress(w[1], (ulong)Value(w[2])); return true;
            default: return false;
        }
    }

    private void EmitAddress(string register, ulong target)
    {
        long distance = (long)(target - Here);
        long low = distance << 52 >> 52;
        Emit("auipc", [register, $"{(distance - low) >> 12 & 0xFFFFF}"]);
        Emit("addi", [register, register, $"{low}"]);
    }

    // The least significant twelve bits at a time, from the top: each ADDI sign-extends, so what is above it is rounded.
    private void EmitConstant(string register, long value)
    {
        long low = value << 52 >> 52;
        long rest = (value - low) >> 12;
        if (value == (int)value)
        {
            if ((rest & 0xFFFFF) != 0) Emit("lui", [register, $"{rest & 0xFFFFF}"]);
            Emit(rest == 0 ? "addi" : "addiw", [register, (rest & 0xFFFFF) != 0 ? register : "zero", $"{low}"]);
            return;
        }
        EmitConstant(register, rest);
        Emit("slli", [register, register, "12"]);
        if (low != 0) Emit("addi", [register, register, $"{low}"]);
    }

    private void Emit(string mnemonic, string[] words)
    {
        long ordering = 0;
        foreach (string suffix in s_orderings.Where(s => mnemonic.EndsWith(s, StringComparison.Ordinal) && !InstructionTable.TryFind(mnemonic, out _)))
        {
            ordering = Array.IndexOf(RegisterNames.Ordering, suffix);
            mnemonic = mnemonic[..^suffix.Length];
        }
        if (!InstructionTable.TryFind(mnemonic, out Instruction? row)) throw new FormatException($"unknown instruction {mnemonic}");
        List<long> values = [];
        Queue<string> left = new(words.Where(w => !(w == "sp" && row!.UsesStackBase)));
        foreach (Operand operand in row!.Operands)
        {
            if (operand.Class == OperandClass.Ordering) values.Add(ordering);
            else if (operand.Class == OperandClass.Rounding && left.Count == 0) values.Add(7);
            else values.Add(Parse(operand, left.Dequeue()));
        }
        if (left.Count > 0) throw new FormatException($"{mnemonic}: {left.Peek()} is left over");
        new Step(row, [.. values]).Emit(_code);
    }

    private long Parse(Operand operand, string word) => operand.Class switch
    {
        OperandClass.X => IndexOf(RegisterNames.X, word),
        OperandClass.F => IndexOf(RegisterNames.F, word),
        OperandClass.Rounding => IndexOf(RegisterNames.Rounding, word),
        OperandClass.Csr => CsrNames.Find(word),
        OperandClass.Target => IsNumber(word) ? Number(word) : _final ? Value(word) - (long)Here : 0,
        _ => Number(word),
    };

    private static int IndexOf(string[] names, string word)
    {
        int index = Array.IndexOf(names, word);
        return index >= 0 ? index : throw new FormatException($"{word} is no register");
    }

    private long Value(string word)
    {
        if (IsNumber(word)) return Number(word);
        if (!_final) return (long)Here;
        return _known.TryGetValue(word, out ulong address) ? (long)address : throw new FormatException($"unknown label {word}");
    }

    private static bool IsNumber(string word) => char.IsAsciiDigit(word[0]) || word[0] == '-';

    internal static long Number(string word) => word.StartsWith("0x", StringComparison.Ordinal)
        ? (long)ulong.Parse(word.AsSpan(2).ToString().Replace("_", "", StringComparison.Ordinal), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
        : long.Parse(word, CultureInfo.InvariantCulture);
}
