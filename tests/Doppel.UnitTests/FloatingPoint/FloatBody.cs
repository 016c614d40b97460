using Doppel.RiscV.Context;
using Doppel.RiscV.Decode;
using Doppel.RiscV.Semantics;

namespace Doppel.UnitTests.FloatingPoint;

/// <summary>Runs an instruction the way the interpreter does: encoded, decoded, then its body on a hart's registers.</summary>
internal static unsafe class FloatBody
{
    private const int Rs1 = 1, Rs2 = 2, Rs3 = 3, Rd = 4;

    private static readonly Dictionary<string, InstructionRow> s_rows = FloatTable.Rows().ToDictionary(row => row.Name, StringComparer.Ordinal);

    /// <summary>Result and flags, with the rounding mode in the instruction or, when asked, in frm.</summary>
    internal static FloatOutcome Run(in FloatCase c, bool dynamicRounding)
    {
        FloatOperation operation = FloatOperation.All[c.Operation];
        InstructionRow row = s_rows[operation.Mnemonic];
        int rm = dynamicRounding ? RoundingMode.Dynamic : c.Rm;
        HartContext context = default;
        context.State.Mstatus = 1UL << 13;
        context.State.Frm = dynamicRounding ? (uint)c.Rm : 7;
        context.State.X[Rs1] = context.State.F[Rs1] = c.A;
        context.State.F[Rs2] = c.B;
        context.State.F[Rs3] = c.C;
        DecodedInstruction decoded;
        InstructionTable.Decode(Encode(row, operation, rm), 0, &decoded);
        DecodedInstruction* next = decoded.Execute(&context, &decoded);
        Assert.True(next == &decoded + 2, "goes on behind the instruction");
        AssertDirty(operation, context.State.Mstatus, context.State.Fflags);
        return new FloatOutcome(operation.ToInteger ? context.State.X[Rd] : context.State.F[Rd], context.State.Fflags);
    }

    // Every result in a floating-point register, and every flag that rises, makes FS Dirty; an integer result alone leaves it Initial.
    private static void AssertDirty(FloatOperation operation, ulong mstatus, uint flags)
    {
        ulong expected = operation.ToInteger && flags == 0 ? 1UL << 13 : 3UL << 13;
        Assert.Equal(expected, mstatus);
    }

    // The fields that the row leaves open are operands.
    private static uint Encode(in InstructionRow row, FloatOperation operation, int rm)
    {
        uint fields = (Rd << 7) | (Rs1 << 15) | (Rs2 << 20) | ((uint)rm << 12);
        if (operation.C != OperandKind.None) fields |= Rs3 << 27;
        return row.Match | (fields & ~row.Mask);
    }
}
