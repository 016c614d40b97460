using Doppel.RiscV.Context;

namespace Doppel.RiscV.Harts;

/// <summary>
/// The harts of one machine, as far as they must know of each other: which pages were armed (code was made of them), so that stores to them
/// are seen. Filled before the machine runs. Thread contract: the members say which.
/// </summary>
internal sealed unsafe class HartGroup
{
    // A hart that looks around less often than this empties its TLBs instead.
    private const int Remembered = 256;

    private readonly List<Hart> _harts = [];
    private readonly ulong[] _armed = new ulong[Remembered];
    private readonly Lock _gate = new();
    private ulong _armings;

    internal void Add(Hart hart)
    {
        _harts.Add(hart);
        hart.Group = this;
    }

    /// <summary>
    /// A page was armed by a hart whose own stores to it report already: the others follow when they next look around. No signal is raised, since
    /// a hart that sleeps looks around before its next instruction anyway. The hart's own thread.
    /// </summary>
    /// <returns>Number of the arming.</returns>
    internal ulong Report(Hart by, ulong gpa)
    {
        ulong number;
        lock (_gate)
        {
            _armed[_armings % Remembered] = gpa;
            number = ++_armings;
            if (by.SeenArmings == number - 1) by.SeenArmings = number;
        }
        foreach (Hart other in _harts)
        {
            if (other != by) Interlocked.Or(ref other.Context->Attention, (int)Attention.FollowArmings);
        }
        return number;
    }

    /// <summary>Makes the stores of a hart to pages that others have armed report from now on. The hart's own thread.</summary>
    internal void Follow(Hart hart)
    {
        if (_harts.Count == 1) return;
        lock (_gate)
        {
            if (_armings - hart.SeenArmings > Remembered) hart.Mmu.FlushData();
            else
            {
                for (ulong i = hart.SeenArmings; i < _armings; i++) hart.Mmu.ForbidStores(_armed[i % Remembered]);
            }
            hart.SeenArmings = _armings;
        }
    }

    /// <summary>
    /// Number of the last arming that all harts have followed: none can store to those pages without reporting it, and all that was stored unseen
    /// before is visible to the caller. A hart that is outside the guest follows before its next instruction. Any thread.
    /// </summary>
    internal ulong FindFollowed()
    {
        ulong followed = ulong.MaxValue;
        foreach (Hart hart in _harts)
        {
            ulong seen = hart.SeenArmings;
            if (seen < followed && hart.InGuest) followed = seen;
        }
        return followed;
    }
}
