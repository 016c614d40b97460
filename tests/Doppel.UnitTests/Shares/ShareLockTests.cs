using Doppel.Devices.Backends.Share;
using Doppel.Host.Shares;
using Doppel.UnitTests.Devices.Fuzz;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Shares;

/// <summary>
/// Locks of the guest's processes as others on the host see them. The guest's kernel decides between its own processes before it asks, so
/// the server never stands against them.
/// </summary>
public sealed class ShareLockTests : IDisposable
{
    private const byte Shared = 0, Exclusive = 1, Unlock = 2;
    private const byte Success = 0, Blocked = 1;

    private readonly ShareFolder _folder = new();
    private readonly FuzzSeed _seed;
    private readonly ShareClient _client;
    private readonly HostLocker _host;

    public ShareLockTests(ITestOutputHelper output)
    {
        _seed = new FuzzSeed(output);
        File.WriteAllText(_folder.File("file"), "hello");
        _client = _folder.Connect();
        _host = new HostLocker(_folder.File("file"));
    }

    public void Dispose()
    {
        _host.Dispose();
        _client.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Lock_OfTheGuest_StandsAgainstTheHost()
    {
        uint fid = OpenFile();
        Assert.Equal(Success, Lock(fid, Exclusive, 0, 10));
        Assert.Equal((Errno.EAGAIN, Errno.None), (_host.Lock(Shared, 5, 1), _host.Lock(Exclusive, 10, 0)));
        Assert.Equal(Success, Lock(fid, Unlock, 4, 2));
        Assert.Equal("wwww--wwww--", Seen(12));
        Assert.Equal(Success, Lock(fid, Shared, 0, 4));
        Assert.Equal("rrrr--wwww--", Seen(12));
        _client.Clunk(fid);
        Assert.Equal("------------", Seen(12));
    }

    [Fact]
    public void Lock_OfTheHost_BlocksTheGuestAndIsTold()
    {
        uint fid = OpenFile();
        Assert.Equal(0, _host.Lock(Exclusive, 100, 50));
        Assert.Equal((Blocked, Success), (Lock(fid, Shared, 149, 10), Lock(fid, Shared, 0, 100)));
        Assert.Equal((Exclusive, 100ul, 50ul), ConflictOf(fid, 120, 1));
        Assert.Equal((Unlock, 150ul, 0ul), ConflictOf(fid, 150, 0));
        Assert.Equal(0, _host.Lock(Unlock, 100, 50));
        Assert.Equal(0, _host.Lock(Shared, 200, 0));
        Assert.Equal((Success, Blocked), (Lock(fid, Shared, 100, 0), Lock(fid, Exclusive, 300, 1)));
        Assert.Equal((Shared, 200ul, 0ul), ConflictOf(fid, 300, 1));
    }

    [Fact]
    public void Locks_OfTwoProcessesOfTheGuest_LastUntilTheLastGivesItUp()
    {
        uint one = OpenFile(), two = OpenFile();
        Assert.Equal((Success, Success), (Lock(one, Shared, 0, 10, process: 100), Lock(two, Shared, 5, 10, process: 200)));
        Assert.Equal(Success, Lock(one, Unlock, 0, 0, process: 100));
        Assert.Equal("-----rrrrrrrrrr-", Seen(16));
        Assert.Equal(Success, Lock(two, Unlock, 0, 0, process: 200));
        Assert.Equal("----------------", Seen(16));
    }

    // flock(2) belongs to the open file: one program of a script takes it, another gives it up, a third takes it again.
    [Fact]
    public void Lock_ThatAnotherProcessGaveUp_DoesNotStandAgainstTheGuest()
    {
        uint one = OpenFile(), two = OpenFile();
        Assert.Equal(Success, Lock(one, Exclusive, 0, 0, process: 100));
        Assert.Equal(Success, Lock(one, Unlock, 0, 0, process: 101));
        Assert.Equal(Success, Lock(one, Exclusive, 0, 0, process: 102));
        Assert.Equal(Success, Lock(one, Unlock, 0, 0, process: 103));
        Assert.Equal(Success, Lock(two, Shared, 0, 0, process: 104));
        Assert.Equal("rr", Seen(2));
        _client.Clunk(one);
        _client.Clunk(two);
        Assert.Equal("--", Seen(2));
    }

    [Fact]
    public void Locks_OfAnUnlinkedFile_StayWithTheFile()
    {
        uint fid = OpenFile();
        _client.Do(76, 0u, "file", 0u);
        Assert.Equal(Success, Lock(fid, Exclusive, 0, 0));
        Assert.Equal("w", Seen(1));
        File.WriteAllText(_folder.File("file"), "another");
        Assert.Equal(Success, Lock(OpenFile(), Exclusive, 0, 0));
    }

    [Fact]
    public void Locks_WhereTheGuestMayOnlyRead_HoldUpNobody()
    {
        using ShareClient reader = _folder.Connect(new ShareOptions { IsReadOnly = true });
        uint fid = reader.MustWalk("file");
        Assert.Equal(0, reader.Open(fid, ShareClient.ReadOnly));
        Assert.Equal(Success, reader.Do(52, fid, Shared, 0u, 0UL, 0UL, 1u, "guest").Byte());
        Assert.Equal(0, _host.Lock(Exclusive, 0, 0));
    }

    [Fact]
    public void Locks_AreBoundedAndLeaveNoDescriptor()
    {
        uint fid = OpenFile();
        int before = _client.Server.Session.Tree.Descriptors;
        Assert.Equal(Success, Lock(fid, Exclusive, 0, 0));
        Assert.Equal(before + 1, _client.Server.Session.Tree.Descriptors);
        // Each piece that is given up splits what is left.
        int[] errors = [.. Enumerable.Range(0, 17_000).Select(i => TryLock(fid, Unlock, (ulong)(2 * i) + 1, 1).Errno)];
        Assert.Equal((Errno.None, Errno.ENOLCK), (errors[0], errors[^1]));
        Assert.Equal(Errno.ENOLCK, TryLock(fid, Exclusive, 0, 1).Errno);
        Assert.Equal(Success, Lock(fid, Unlock, 0, 0));
        Assert.Equal(before, _client.Server.Session.Tree.Descriptors);
        Assert.Equal(0, _host.Lock(Exclusive, 0, 0));
    }

    [Theory]
    [InlineData(3, 0ul, 1ul)]
    [InlineData(1, 0x8000_0000_0000_0000ul, 1ul)]
    public void Lock_ThatIsNone_IsInvalid(byte type, ulong start, ulong length) => Assert.Equal(Errno.EINVAL, TryLock(OpenFile(), type, start, length).Errno);

    [Fact]
    public void Locks_AtRandom_AreOnTheHostWhatTheyAreInTheGuest()
    {
        const int Bytes = 24;
        uint[] fids = [OpenFile(), OpenFile()];
        GuestLocks guest = new(Bytes);
        _seed.Run(400, random =>
        {
            uint fid = fids[random.Next(2)], process = (uint)random.Next(2);
            byte type = (byte)random.Next(3);
            int start = random.Next(Bytes), length = random.Next(4) == 0 ? 0 : random.Next(1, Bytes);
            guest.Set((fid, process), type, start, length == 0 ? Bytes : Math.Min(Bytes, start + length));
            Assert.Equal(Success, Lock(fid, type, (ulong)start, (ulong)length, process));
            Assert.Equal(guest.ToString(), Seen(Bytes));
        });
    }

    private uint OpenFile()
    {
        uint fid = _client.MustWalk("file");
        Assert.Equal(0, _client.Open(fid, ShareClient.ReadWrite));
        return fid;
    }

    private ShareAnswer TryLock(uint fid, byte type, ulong start, ulong length, uint process = 100) =>
        _client.Call(52, fid, type, 0u, start, length, process, "guest");

    private byte Lock(uint fid, byte type, ulong start, ulong length, uint process = 100)
    {
        ShareAnswer answer = TryLock(fid, type, start, length, process);
        Assert.Equal(0, answer.Errno);
        return answer.Byte();
    }

    private (byte Type, ulong Start, ulong Length) ConflictOf(uint fid, ulong start, ulong length)
    {
        ShareAnswer held = _client.Do(54, fid, Exclusive, start, length, 100u, "guest");
        return (held.Byte(), held.Long(), held.Long());
    }

    private string Seen(int bytes) => new([.. Enumerable.Range(0, bytes).Select(i => _host.Look(i))]);

    /// <summary>What holds by byte, where each lock that is granted shows that none stands against it.</summary>
    private sealed class GuestLocks(int bytes)
    {
        private readonly Dictionary<(uint Fid, uint Process), byte>[] _held = [.. Enumerable.Range(0, bytes).Select(static _ => new Dictionary<(uint, uint), byte>())];

        internal void Set((uint Fid, uint Process) holder, byte type, int start, int end)
        {
            foreach (Dictionary<(uint Fid, uint Process), byte> at in _held[start..end])
            {
                at.Remove(holder);
                foreach ((uint Fid, uint Process) other in at.Keys.Where(o => type != Unlock && (type == Exclusive || at[o] == Exclusive)).ToArray()) at.Remove(other);
                if (type != Unlock) at[holder] = type;
            }
        }

        public override string ToString() => string.Concat(_held.Select(static at => at.Count == 0 ? '-' : at.ContainsValue(Exclusive) ? 'w' : 'r'));
    }
}
