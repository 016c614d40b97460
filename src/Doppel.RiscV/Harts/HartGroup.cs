using Doppel.RiscV.Context;

namespace Doppel.RiscV.Harts;

/// <summary>The harts of one machine, as far as they must know of each other. Filled before the machine runs.</summary>
internal sealed unsafe class HartGroup
{
    private readonly List<Hart> _harts = [];

    internal void Add(Hart hart)
    {
        _harts.Add(hart);
        hart.CodeArmed = () => ReportCode(hart);
    }

    // No signal is raised: a hart that sleeps looks around before its next instruction anyway.
    private void ReportCode(Hart by)
    {
        foreach (Hart other in _harts)
        {
            if (other != by) Interlocked.Or(ref other.Context->Attention, (int)Attention.FlushTlb);
        }
    }
}
