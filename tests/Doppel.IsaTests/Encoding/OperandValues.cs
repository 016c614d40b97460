using Doppel.IsaTests.Common;

namespace Doppel.IsaTests.Encoding;

/// <summary>Draws values that an operand takes, its limits more often than chance would.</summary>
internal static class OperandValues
{
    internal static long Pick(Operand operand, Rng rng)
    {
        long value;
        do
        {
            value = rng.Below(8) switch
            {
                0 => operand.Minimum,
                1 => operand.Maximum,
                _ => rng.Between(operand.Minimum, operand.Maximum),
            };
            value -= value % operand.Scale;
        }
        while (!operand.Takes(value));
        return value;
    }
}
