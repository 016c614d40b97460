using Doppel.IsaTests.Common;

namespace Doppel.IsaTests.Streams;

/// <summary>Reads and writes of fflags, frm and fcsr that leave a valid rounding mode.</summary>
internal sealed class CsrItems(Rng rng, OperandChooser operands)
{
    private const int Fflags = 1;
    private const int Frm = 2;
    private const int Fcsr = 3;

    private static readonly string[] s_all = ["csrrw", "csrrs", "csrrc"];
    private static readonly string[] s_allImmediate = ["csrrwi", "csrrsi", "csrrci"];

    internal Item FloatingControl()
    {
        int rd = operands.Destination();
        switch (rng.Below(9))
        {
            case 0: return new Straight(Step.Of(rng.Pick(s_all), rd, Fflags, operands.Source()));
            case 1: return new Straight(Step.Of(rng.Pick(s_allImmediate), rd, Fflags, rng.Below(32)));
            case 2: return new Straight(Step.Of("csrrs", rd, rng.Between(Fflags, Fcsr), 0));
            case 3 or 4: return new Straight(Step.Of("csrrwi", rd, Frm, rng.Below(5)));
            case 5: return new Straight(Step.Of("csrrci", rd, Frm, rng.Below(32)));
            // The immediate of a CSR instruction has five bits: the rounding mode becomes zero.
            case 6: return new Straight(Step.Of("csrrwi", rd, Fcsr, rng.Below(32)));
        }
        int source = operands.Destination(zero: false);
        return rng.Chance(50)
            ? new Straight(Step.Of("andi", source, operands.Source(), 3), Step.Of("csrrw", rd, Frm, source))
            : new Straight(Step.Of("andi", source, operands.Source(), 0x7F), Step.Of("csrrw", rd, Fcsr, source));
    }
}
