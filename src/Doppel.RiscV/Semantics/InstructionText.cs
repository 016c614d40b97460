using System.Globalization;
using Doppel.RiscV.Decode;

namespace Doppel.RiscV.Semantics;

/// <summary>Instructions for people: their bits and their name. Thread contract: static, no state.</summary>
internal static class InstructionText
{
    /// <summary>True if the first half-word belongs to an instruction of four bytes.</summary>
    internal static bool IsLong(uint bits) => (bits & 3) == 3;

    /// <summary>Name of an instruction of 16 or 32 bits; a compressed one has the name of what it stands for.</summary>
    internal static string NameOf(uint bits) =>
        InstructionTable.TryFind(IsLong(bits) ? bits : CompressedExpander.Expand(bits & 0xFFFF), out InstructionRow row) ? row.Name : "unknown";

    /// <summary>Bits and name in columns.</summary>
    internal static string Format(uint bits) => IsLong(bits)
        ? string.Create(CultureInfo.InvariantCulture, $"{bits:x8}  {NameOf(bits)}")
        : string.Create(CultureInfo.InvariantCulture, $"{bits & 0xFFFF:x4}      {NameOf(bits)}");
}
