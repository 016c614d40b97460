using System.Runtime.InteropServices;

namespace Doppel.RiscV.Context;

/// <summary>
/// One instruction, decoded once: what the interpreter runs. A page of code is an array of these with one slot for each half-word, so the
/// successor and every branch target on the page are found by adding. Exactly 16 bytes.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal unsafe struct DecodedInstruction
{
    /// <summary>The slot of x0 as a destination: the 33rd register, which nobody reads.</summary>
    internal const byte Sink = 32;

    /// <summary>Runs the instruction; returns the next one to run, or null after it has set pc itself.</summary>
    internal delegate*<HartContext*, DecodedInstruction*, DecodedInstruction*> Execute;

    /// <summary>Immediate, or other fields as the format says.</summary>
    internal int Imm;

    internal byte Rd, Rs1, Rs2;

    /// <summary>Length in half-words: 1 or 2.</summary>
    internal byte Length;
}
