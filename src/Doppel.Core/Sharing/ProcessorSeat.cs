using Doppel.Host;

namespace Doppel.Core.Sharing;

/// <summary>What a machine claims of the processors.</summary>
/// <param name="Seat">Number of its seat.</param>
/// <param name="Weight">Its share relative to others.</param>
/// <param name="VirtualNs">Processor time used, divided by its part of the weight 100: who has less is behind.</param>
/// <param name="Demand">How many processors it could use, smoothed.</param>
/// <param name="Use">How many it uses, smoothed.</param>
internal sealed record ProcessorClaim(int Seat, int Weight, long VirtualNs, double Demand, double Use)
{
    /// <summary>Those compete who have this in common.</summary>
    internal long Domain { get; init; }

    /// <summary>How many processors they compete for.</summary>
    internal int Processors { get; init; }
}

/// <summary>A machine's place in a <see cref="ProcessorShareTable"/>. Thread contract: one thread at a time; others read what it writes.</summary>
public sealed class ProcessorSeat
{
    /// <summary>Words of a seat: two lines of the host's cache.</summary>
    internal const int Words = 16;

    /// <summary>A seat that has said nothing for that long does not count: its machine is stopped, or its process has died.</summary>
    internal const long LapseNs = 500_000_000;

    private const int OwnerAt = 0, StartAt = 1, WeightAt = 2, VirtualAt = 3, DemandAt = 4, UseAt = 5, StampAt = 6, DomainAt = 7,
        ProcessorsAt = 8, PermitsAt = 9, PermittedAt = 10;
    private const double Fraction = 1000;

    private readonly ProcessorShareTable _table;
    private readonly int _number;

    internal ProcessorSeat(ProcessorShareTable table, int number)
    {
        _table = table;
        _number = number;
    }

    internal int Number => _number;

    internal int Weight => (int)Math.Clamp(Volatile.Read(ref Word(WeightAt)), 1, int.MaxValue);

    internal long VirtualNs => Volatile.Read(ref Word(VirtualAt));

    /// <summary>Others who compete for the same processors now.</summary>
    internal List<ProcessorClaim> ReadRivals(long nowNs)
    {
        long domain = Volatile.Read(ref Word(DomainAt));
        List<ProcessorClaim> claims = _table.ReadClaims(nowNs);
        claims.RemoveAll(c => c.Seat == _number || c.Domain != domain);
        return claims;
    }

    /// <summary>How many processors the machine may use now.</summary>
    internal int ReadPermits(long nowNs)
    {
        _table.ShareOut(nowNs);
        return IsOld(nowNs, PermittedAt) ? int.MaxValue : (int)Volatile.Read(ref Word(PermitsAt));
    }

    /// <summary>Says how many processors the machine may use; by whoever shares them out.</summary>
    internal void Permit(long nowNs, int permits)
    {
        Volatile.Write(ref Word(PermitsAt), permits);
        Volatile.Write(ref Word(PermittedAt), nowNs);
    }

    /// <summary>Tells the others.</summary>
    internal void Publish(long nowNs, long virtualNs, double demand, double use)
    {
        Volatile.Write(ref Word(VirtualAt), virtualNs);
        Volatile.Write(ref Word(DemandAt), (long)(demand * Fraction));
        Volatile.Write(ref Word(UseAt), (long)(use * Fraction));
        Volatile.Write(ref Word(StampAt), nowNs);
    }

    /// <summary>Leaves the seat to others.</summary>
    public void Leave()
    {
        Volatile.Write(ref Word(DemandAt), 0);
        Volatile.Write(ref Word(OwnerAt), 0);
    }

    internal bool TryTake(ProcessIdentity owner, int weight, (long Domain, int Processors) where)
    {
        long taken = Volatile.Read(ref Word(OwnerAt));
        if (taken != 0 && new ProcessIdentity((int)taken, Volatile.Read(ref Word(StartAt))).IsAlive) return false;
        // A second word makes two owners of one seat within a process differ, so that a comparison is never fooled.
        long mine = ((long)Random.Shared.Next() << 32) | (uint)owner.Id;
        if (Interlocked.CompareExchange(ref Word(OwnerAt), mine, taken) != taken) return false;
        Volatile.Write(ref Word(DemandAt), 0);
        Volatile.Write(ref Word(StartAt), owner.StartTicks);
        Volatile.Write(ref Word(WeightAt), weight);
        Volatile.Write(ref Word(VirtualAt), 0);
        Volatile.Write(ref Word(PermittedAt), 0);
        Volatile.Write(ref Word(DomainAt), where.Domain);
        Volatile.Write(ref Word(ProcessorsAt), where.Processors);
        return true;
    }

    /// <summary>What the machine claims; null if it claims nothing.</summary>
    internal ProcessorClaim? Read(long nowNs)
    {
        long demand = Volatile.Read(ref Word(DemandAt));
        if (Volatile.Read(ref Word(OwnerAt)) == 0 || demand <= 0) return null;
        if (IsOld(nowNs, StampAt)) return null;
        return new(_number, Weight, VirtualNs, demand / Fraction, Volatile.Read(ref Word(UseAt)) / Fraction)
        {
            Domain = Volatile.Read(ref Word(DomainAt)),
            Processors = (int)Volatile.Read(ref Word(ProcessorsAt)),
        };
    }

    // A time far ahead is from before the host was started anew; a little ahead is one that another processor has just written.
    private bool IsOld(long nowNs, int word) => Math.Abs(nowNs - Volatile.Read(ref Word(word))) > LapseNs;

    private ref long Word(int word) => ref _table.WordOf(_number, word);
}
