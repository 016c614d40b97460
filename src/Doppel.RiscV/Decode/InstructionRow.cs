using Doppel.RiscV.Context;

namespace Doppel.RiscV.Decode;

/// <summary>One row of the instruction table: the encoding, the shape of the operands, and the interpreter's body.</summary>
internal readonly unsafe struct InstructionRow
{
    internal readonly string Name;
    internal readonly uint Match, Mask;
    internal readonly InstructionFormat Format;

    /// <summary>Body. For branches and jumps: the form whose target may lie on another page.</summary>
    internal readonly delegate*<HartContext*, DecodedInstruction*, DecodedInstruction*> Execute;

    /// <summary>Body of a branch or jump whose target lies on the same page, or null.</summary>
    internal readonly delegate*<HartContext*, DecodedInstruction*, DecodedInstruction*> ExecuteNear;

    internal InstructionRow(string name, uint match, uint mask, InstructionFormat format,
        delegate*<HartContext*, DecodedInstruction*, DecodedInstruction*> execute,
        delegate*<HartContext*, DecodedInstruction*, DecodedInstruction*> executeNear = null)
    {
        Name = name;
        Match = match;
        Mask = mask;
        Format = format;
        Execute = execute;
        ExecuteNear = executeNear;
    }
}
