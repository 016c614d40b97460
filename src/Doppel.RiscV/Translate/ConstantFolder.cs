using Doppel.Jit.Ir;

namespace Doppel.RiscV.Translate;

/// <summary>Arithmetic on constants at translation time.</summary>
internal static class ConstantFolder
{
    internal static bool TryFold(IrOp op, long a, long b, bool word, out long result)
    {
        int shift = (int)b & (word ? 31 : 63);
        long? value = op switch
        {
            IrOp.Add => a + b,
            IrOp.Sub => a - b,
            IrOp.And => a & b,
            IrOp.Or => a | b,
            IrOp.Xor => a ^ b,
            IrOp.Shl => a << shift,
            IrOp.Shr => word ? (long)((uint)a >> shift) : (long)((ulong)a >> shift),
            IrOp.Sar => word ? (int)a >> shift : a >> shift,
            _ => null,
        };
        result = word ? (int)value.GetValueOrDefault() : value.GetValueOrDefault();
        return value is not null;
    }
}
