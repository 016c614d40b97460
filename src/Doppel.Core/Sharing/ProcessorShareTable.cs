using Doppel.Host;

namespace Doppel.Core.Sharing;

/// <summary>
/// Where the machines of a user tell each other how much processor time they have used: a seat for each, in memory that their processes share.
/// Each machine writes its own seat and reads all others, so nobody waits for anybody, and a process that dies leaves no more behind than a
/// seat that is taken over. Thread contract: all members from any thread and any process.
/// </summary>
public sealed class ProcessorShareTable : IDisposable
{
    /// <summary>Most machines at the same time; more are not held back by their weight.</summary>
    public const int Seats = 256;

    // Version 1 of the layout: this word, the number of seats ever used, when the processors were last shared out, then the seats.
    private const long Magic = 0x31_0065_7261_6853;
    private const int MagicAt = 0, UsedAt = 1, SharedAt = 2, FirstSeat = 8;

    private readonly SharedWords _memory;

    private ProcessorShareTable(SharedWords memory) => _memory = memory;

    /// <summary>A table for the machines of this process.</summary>
    /// <exception cref="HostException">The host refuses memory.</exception>
    public static ProcessorShareTable Create() => new(SharedWords.Create(FirstSeat + (Seats * ProcessorSeat.Words)));

    /// <summary>A table for all machines whose processes open the same file.</summary>
    /// <param name="path">The file; it is created if there is none.</param>
    /// <exception cref="HostException">The file cannot be opened, or is something else.</exception>
    public static ProcessorShareTable Open(string path)
    {
        ProcessorShareTable table = new(SharedWords.Open(path, FirstSeat + (Seats * ProcessorSeat.Words)));
        long magic = Interlocked.CompareExchange(ref table._memory.Words[MagicAt], Magic, 0);
        if (magic is 0 or Magic) return table;
        table.Dispose();
        throw new HostException($"{path} is not a table of processor shares of this version; remove it when no machine runs");
    }

    /// <summary>Takes a seat; null if all are taken.</summary>
    /// <param name="weight">Share of the machine relative to others, from 1.</param>
    /// <param name="processors">Host processors that it may use. Machines compete if theirs are the same.</param>
    public ProcessorSeat? Take(int weight, IReadOnlyCollection<int> processors)
    {
        long domain = 17;
        foreach (int processor in processors) domain = (domain * 31) + processor;
        var owner = ProcessIdentity.Current;
        for (int i = 0; i < Seats; i++)
        {
            var seat = new ProcessorSeat(this, i);
            if (!seat.TryTake(owner, weight, (domain, processors.Count))) continue;
            ref long used = ref _memory.Words[UsedAt];
            long seen;
            while ((seen = Volatile.Read(ref used)) <= i) Interlocked.CompareExchange(ref used, i + 1, seen);
            return seat;
        }
        return null;
    }

    /// <summary>
    /// Shares the processors out, unless somebody else has just done so: one for all, or what each worked out from what it sees would not fit together.
    /// </summary>
    internal void ShareOut(long nowNs)
    {
        ref long shared = ref _memory.Words[SharedAt];
        long last = Volatile.Read(ref shared);
        // The clock begins anew when the host does, and the file may be older.
        if ((nowNs >= last && nowNs - last < ProcessorGovernor.PeriodNs) || Interlocked.CompareExchange(ref shared, nowNs, last) != last) return;
        foreach (IGrouping<long, ProcessorClaim> rivals in ReadClaims(nowNs).GroupBy(static c => c.Domain))
        {
            foreach ((int seat, int permits) in FairShare.PermitsOf([.. rivals])) new ProcessorSeat(this, seat).Permit(nowNs, permits);
        }
    }

    /// <summary>Those who claim something now, in the order of their seats.</summary>
    internal List<ProcessorClaim> ReadClaims(long nowNs)
    {
        List<ProcessorClaim> claims = [];
        int used = (int)Math.Clamp(Volatile.Read(ref _memory.Words[UsedAt]), 0, Seats);
        for (int i = 0; i < used; i++)
        {
            if (new ProcessorSeat(this, i).Read(nowNs) is { } claim) claims.Add(claim);
        }
        return claims;
    }

    internal ref long WordOf(int seat, int word) => ref _memory.Words[FirstSeat + (seat * ProcessorSeat.Words) + word];

    /// <summary>Gives the memory back. No seat may be in use any more.</summary>
    public void Dispose() => _memory.Dispose();
}
