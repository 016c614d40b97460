using Doppel.Core.Sharing;
using Doppel.Host;

namespace Doppel.UnitTests.Sharing;

public sealed class ProcessorShareTableTests : IDisposable
{
    private const long Now = 7_000_000_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("doppel-shares-").FullName;

    private string TablePath => Path.Combine(_folder, "shares");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Open_TheSameFileTwice_EachSeesTheOthersClaims()
    {
        using ProcessorShareTable here = ProcessorShareTable.Open(TablePath), there = ProcessorShareTable.Open(TablePath);
        ProcessorSeat mine = here.Take(100, [0, 1])!, theirs = there.Take(300, [0, 1])!;

        theirs.Publish(Now, virtualNs: 5, demand: 1.5, use: 0.25);

        ProcessorClaim claim = Assert.Single(mine.ReadRivals(Now));
        Assert.Equal((300, 5L, 1.5, 0.25, 2), (claim.Weight, claim.VirtualNs, claim.Demand, claim.Use, claim.Processors));
        Assert.NotEqual(mine.Number, theirs.Number);
    }

    [Fact]
    public void Open_FileOfSomethingElse_IsRefusedWithItsName()
    {
        File.WriteAllText(TablePath, "this is a letter, and not a table");

        HostException error = Assert.Throws<HostException>(() => ProcessorShareTable.Open(TablePath));

        Assert.Contains(TablePath, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_SymbolicLink_IsRefused()
    {
        File.CreateSymbolicLink(TablePath, Path.Combine(_folder, "elsewhere"));

        Assert.Throws<HostException>(() => ProcessorShareTable.Open(TablePath));
    }

    [Fact]
    public void Take_MoreThanThereAre_GivesNoneUntilOneLeaves()
    {
        using var table = ProcessorShareTable.Create();
        ProcessorSeat[] seats = [.. Enumerable.Range(0, ProcessorShareTable.Seats).Select(_ => table.Take(100, [0])!)];
        Assert.Null(table.Take(100, [0]));

        seats[17].Leave();

        Assert.Equal(17, table.Take(100, [0])!.Number);
    }

    [Fact]
    public void Take_SeatOfAProcessThatDied_IsTakenOver()
    {
        using var table = ProcessorShareTable.Create();
        ProcessorSeat dead = new(table, 0);
        // The highest number that a process can have, and a start that this one has not.
        Assert.True(dead.TryTake(new ProcessIdentity((1 << 22) - 1, 12345), 100, (1, 1)));

        Assert.Equal(0, table.Take(100, [0])!.Number);
    }

    [Fact]
    public void Claims_OfAnotherSetOfProcessorsOrTooOldOrFromBeforeARestart_DoNotCount()
    {
        using var table = ProcessorShareTable.Create();
        ProcessorSeat mine = table.Take(100, [0, 1])!, elsewhere = table.Take(100, [2, 3])!, silent = table.Take(100, [0, 1])!, restarted = table.Take(100, [0, 1])!;

        elsewhere.Publish(Now, 1, 1, 1);
        silent.Publish(Now - 600_000_000, 1, 1, 1);
        restarted.Publish(Now + 3_600_000_000_000, 1, 1, 1);

        Assert.Empty(mine.ReadRivals(Now));
    }

    [Fact]
    public void ReadPermits_TwoWhoWantAllAndOneIsAhead_HoldsThatOneUntilTheOtherHasCaughtUp()
    {
        using var table = ProcessorShareTable.Create();
        ProcessorSeat ahead = table.Take(100, [0, 1])!, behind = table.Take(100, [0, 1])!;
        ahead.Publish(Now, virtualNs: 100_000_000, demand: 2, use: 2);
        behind.Publish(Now, virtualNs: 10_000_000, demand: 2, use: 2);

        Assert.Equal(0, ahead.ReadPermits(Now));
        Assert.Equal(int.MaxValue, behind.ReadPermits(Now));

        behind.Publish(Now, virtualNs: 95_000_000, demand: 2, use: 2);
        // What was shared out holds for a while.
        Assert.Equal(0, ahead.ReadPermits(Now + 1));
        Assert.Equal(int.MaxValue, ahead.ReadPermits(Now + ProcessorGovernor.PeriodNs));
    }
}
