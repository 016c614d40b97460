using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Devices.Backends.Net.User.Tcp;
using Doppel.Host;

namespace Doppel.UnitTests.Devices.UserNet;

public sealed class PacketTests
{
    [Fact]
    public void InternetChecksum_RandomBytes_AsTheDefinitionSays()
    {
        Random random = new(1);
        byte[] bytes = new byte[70_000];
        random.NextBytes(bytes);
        for (int i = 0; i < 2000; i++)
        {
            int start = random.Next(64), length = random.Next(i < 1990 ? 300 : 60_000);
            Assert.Equal(StackBench.Checksum(bytes.AsSpan(start, length)), InternetChecksum.Of(bytes.AsSpan(start, length)));
        }
    }

    [Fact]
    public void InternetChecksum_AllOnes_DoesNotOverflow()
    {
        byte[] bytes = new byte[65535];
        bytes.AsSpan().Fill(0xff);
        Assert.Equal(StackBench.Checksum(bytes), InternetChecksum.Of(bytes));
    }

    [Fact]
    public void Reassembler_FragmentsInAnyOrderAndTwice_GiveTheDatagram()
    {
        Random random = new(2);
        for (int round = 0; round < 200; round++)
        {
            byte[] datagram = new byte[random.Next(1, 65_000)];
            random.NextBytes(datagram);
            List<(int Offset, int Length)> pieces = Cut(random, datagram.Length);
            pieces.AddRange(pieces.ToArray());
            (int Offset, int Length)[] order = [.. pieces.OrderBy(_ => random.Next())];
            Reassembler reassembler = new();
            int last = LastNeeded(order, pieces.Count / 2);
            for (int i = 0; i <= last; i++)
            {
                IpPacket packet = Fragment(datagram.AsSpan(order[i].Offset, order[i].Length), order[i].Offset, order[i].Offset + order[i].Length < datagram.Length);
                Assert.Equal(i == last, reassembler.TryComplete(packet, 0, out ReadOnlySpan<byte> whole));
                Assert.True(i != last || whole.SequenceEqual(datagram));
            }
        }
    }

    [Theory]
    [InlineData(8, 16, true)]
    [InlineData(0, 24, true)]
    [InlineData(8, 32, false)]
    public void Reassembler_Overlap_DropsTheDatagram(int offset, int length, bool more)
    {
        Reassembler reassembler = new();
        byte[] bytes = new byte[64];
        Assert.False(reassembler.TryComplete(Fragment(bytes.AsSpan(0, 16), 0, true), 0, out _));
        Assert.False(reassembler.TryComplete(Fragment(bytes.AsSpan(0, length), offset, more), 0, out _));
        Assert.False(reassembler.TryComplete(Fragment(bytes.AsSpan(0, 16), 16, false), 0, out _));
    }

    [Fact]
    public void Reassembler_AfterHalfAMinute_Forgets()
    {
        Reassembler reassembler = new();
        byte[] bytes = new byte[64];
        Assert.False(reassembler.TryComplete(Fragment(bytes.AsSpan(0, 16), 0, true), 0, out _));
        Assert.False(reassembler.TryComplete(Fragment(bytes.AsSpan(0, 16), 16, false), 31_000_000_000, out _));
    }

    [Fact]
    public void SequenceRanges_RandomStretches_AreTheSetOfNumbers()
    {
        Random random = new(3);
        const uint Base = uint.MaxValue - 200;
        for (int round = 0; round < 500; round++)
        {
            SequenceRanges ranges = new();
            HashSet<uint> model = [];
            for (int i = 0; i < 30; i++)
            {
                uint start = Base + (uint)random.Next(400), end = start + (uint)random.Next(1, 40);
                ranges.Add(start, end);
                for (uint n = start; n != end; n++) model.Add(n);
            }
            Assert.Equal((uint)model.Count, ranges.Bytes);
            uint cut = Base + (uint)random.Next(400);
            ranges.RemoveBefore(cut);
            model.RemoveWhere(n => Sequence.Less(n, cut));
            Assert.Equal((uint)model.Count, ranges.Bytes);
            bool gap = ranges.TryFindGap(cut, out uint from, out uint to);
            uint free = cut;
            while (model.Contains(free)) free++;
            Assert.Equal(model.Any(n => Sequence.Less(free, n)), gap);
            Assert.True(!gap || (from == free && model.Contains(to) && !model.Contains(to - 1)));
        }
    }

    [Fact]
    public void PagedBuffer_RandomWritesAndDrops_HoldsTheWindow()
    {
        Random random = new(4);
        PagePool pool = new(1000);
        PagedBuffer buffer = new(pool, 1 << 20);
        byte[] model = new byte[1 << 20], data = new byte[100_000];
        for (int round = 0; round < 400; round++)
        {
            int offset = random.Next(model.Length), length = Math.Min(random.Next(data.Length), model.Length - offset);
            random.NextBytes(data);
            Assert.Equal(length, buffer.Write(offset, data.AsSpan(0, length)));
            data.AsSpan(0, length).CopyTo(model.AsSpan(offset));
            byte[] copy = new byte[length];
            buffer.CopyTo(offset, copy);
            Assert.True(copy.AsSpan().SequenceEqual(model.AsSpan(offset, length)));
            int drop = random.Next(offset + 1);
            buffer.Drop(drop, isEmpty: false);
            model.AsSpan(drop).CopyTo(model);
            Assert.InRange(pool.InUse, 0, 34);
        }
        buffer.Clear();
        Assert.Equal(0, pool.InUse);
    }

    [Fact]
    public void AlarmQueue_RandomDeadlines_GoOffInOrderAndOnce()
    {
        Random random = new(5);
        AlarmQueue queue = new();
        List<int> fired = [];
        long[] deadlines = new long[200];
        Alarm[] alarms = [.. Enumerable.Range(0, 200).Select(i => new Alarm(() => fired.Add(i)))];
        for (int i = 0; i < 2000; i++)
        {
            int which = random.Next(alarms.Length);
            deadlines[which] = random.Next(1, 1000);
            queue.Set(alarms[which], deadlines[which]);
        }
        for (int now = 0; now <= 1000; now++)
        {
            fired.Clear();
            queue.Run(now);
            Assert.Equal(Enumerable.Range(0, 200).Where(i => deadlines[i] == now && now > 0), fired.Order());
        }
        Assert.Equal(long.MaxValue, queue.Next);
    }

    private static IpPacket Fragment(ReadOnlySpan<byte> payload, int offset, bool more) => new()
    {
        Source = StackBench.Guest, Destination = StackBench.Host, Protocol = IpProtocol.Udp, Payload = payload, Fragment = new(true, 7, offset, more),
    };

    private static List<(int Offset, int Length)> Cut(Random random, int length)
    {
        List<(int Offset, int Length)> pieces = [];
        for (int at = 0; at < length;)
        {
            int piece = Math.Min(length - at, 8 * random.Next(1, 400));
            pieces.Add((at, piece));
            at += piece;
        }
        return pieces;
    }

    // The place in the order at which each piece has come once.
    private static int LastNeeded((int Offset, int Length)[] order, int count)
    {
        HashSet<int> seen = [];
        return Array.FindIndex(order, p => seen.Add(p.Offset) && seen.Count == count);
    }
}
