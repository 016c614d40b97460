using System.Globalization;
using System.Text;
using Doppel.Jit.Ir;

namespace Doppel.Jit.Dump;

/// <summary>Operations as text, for people. Thread contract: static, no state.</summary>
internal static class IrPrinter
{
    /// <summary>One operation, such as <c>s10 = Add.w s11, 5</c>; slots are written with an s.</summary>
    internal static string Format(in IrInst inst)
    {
        StringBuilder text = new();
        if (inst.Dst >= 0) text.Append(CultureInfo.InvariantCulture, $"s{inst.Dst} = ");
        text.Append(inst.Op);
        if (inst.Word) text.Append(".w");
        if (inst.Size != 0) text.Append(CultureInfo.InvariantCulture, $".{inst.Size}");
        if (inst.Signed) text.Append(".signed");
        if (inst.Op == IrOp.Branch) text.Append(CultureInfo.InvariantCulture, $".{inst.Cond}");
        string separator = " ";
        foreach (short slot in (ReadOnlySpan<short>)[inst.A, inst.B, inst.C])
        {
            if (slot < 0) continue;
            text.Append(separator).Append('s').Append(slot.ToString(CultureInfo.InvariantCulture));
            separator = ", ";
        }
        if (inst.Imm != 0 || (inst.A < 0 && inst.B < 0)) text.Append(separator).Append(Number(inst.Imm));
        if (inst.Op is IrOp.Branch or IrOp.JumpIndirect or IrOp.Call or IrOp.CallIndirect or IrOp.ReturnGuard) text.Append(CultureInfo.InvariantCulture, $" -> +{inst.Link:x}");
        return text.ToString();
    }

    private static string Number(long value) => value is > -4096 and < 4096
        ? value.ToString(CultureInfo.InvariantCulture)
        : "0x" + value.ToString("x", CultureInfo.InvariantCulture);
}
