using Doppel.Devices.Backends.Block;
using Doppel.Host;

namespace Doppel.UnitTests.Disks;

/// <summary>Does the same to a disk and to an array of bytes, and compares what one reads.</summary>
internal sealed class DiskModel(IBlockBackend disk, byte[] content)
{
    private const int Sector = 512, MostSectors = 600;

    // Content of these sectors is not defined until they are written: they were discarded.
    private readonly bool[] _isUndefined = new bool[content.Length / Sector];

    internal byte[] Content => content;

    /// <summary>One random operation.</summary>
    internal void Step(Random random, int mostSectors = MostSectors)
    {
        int sectors = Size(random, Math.Min(mostSectors, content.Length / Sector)), first = random.Next(content.Length / Sector - sectors + 1);
        Act(random.Next(16), random, first, sectors);
    }

    /// <summary>Reads all of the disk and compares.</summary>
    internal void Verify()
    {
        const int Chunk = 1 << 20;
        for (int at = 0; at < content.Length; at += Chunk) Compare(at, Disk.Read(disk, at, Math.Min(Chunk, content.Length - at)));
    }

    internal void Write(Random random, int offset, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        Disk.Write(disk, offset, bytes, random);
        bytes.CopyTo(content, offset);
        _isUndefined.AsSpan(offset / Sector, length / Sector).Clear();
    }

    private void Act(int kind, Random random, int first, int sectors)
    {
        int offset = first * Sector, length = sectors * Sector;
        switch (kind)
        {
            case < 6:
                Write(random, offset, length);
                break;
            case < 11:
                Compare(offset, Disk.Read(disk, offset, length, random));
                break;
            case < 13:
                disk.Discard(offset, length);
                _isUndefined.AsSpan(first, sectors).Fill(true);
                break;
            case < 15:
                disk.WriteZeroes(offset, length, mayUnmap: random.Next(2) == 0);
                content.AsSpan(offset, length).Clear();
                _isUndefined.AsSpan(first, sectors).Clear();
                break;
            default:
                disk.Flush();
                break;
        }
    }

    // What was discarded may read as anything, but the same thing from then on.
    private void Compare(int offset, byte[] bytes)
    {
        for (int at = 0; at < bytes.Length; at += Sector)
        {
            ReadOnlySpan<byte> sector = bytes.AsSpan(at, Sector);
            ref bool undefined = ref _isUndefined[(offset + at) / Sector];
            if (undefined) sector.CopyTo(content.AsSpan(offset + at));
            undefined = false;
            Assert.True(sector.SequenceEqual(content.AsSpan(offset + at, Sector)), $"sector {(offset + at) / Sector} is wrong");
        }
    }

    private static int Size(Random random, int most) => 1 + random.Next(random.Next(3) == 0 ? most : Math.Min(most, 20));
}

/// <summary>Transfers between a disk and arrays.</summary>
internal static class Disk
{
    internal static byte[] Read(IBlockBackend disk, long offset, int length, Random? random = null)
    {
        PinnedBuffer buffer = new(length);
        buffer.Span.Fill(0xA5);
        disk.Read(offset, Pieces(buffer, random));
        // Also where nobody looks at the answer.
        GC.KeepAlive(buffer);
        return buffer.Array;
    }

    internal static void Write(IBlockBackend disk, long offset, byte[] bytes, Random? random = null)
    {
        PinnedBuffer buffer = new(bytes.Length);
        bytes.CopyTo(buffer.Span);
        disk.Write(offset, Pieces(buffer, random));
        Assert.True(bytes.AsSpan().SequenceEqual(buffer.Span), "a write has changed its source");
        GC.KeepAlive(buffer);
    }

    internal static byte[] ReadAll(IBlockBackend disk) => Read(disk, 0, (int)disk.Length);

    // As a guest's descriptors cut it: anywhere, and sometimes into more pieces than fit a batch.
    private static HostBuffer[] Pieces(PinnedBuffer buffer, Random? random)
    {
        if (random is null || random.Next(3) == 0) return [buffer.Slice(0, buffer.Length)];
        List<HostBuffer> pieces = [];
        int most = random.Next(4) == 0 ? 40 : buffer.Length;
        for (int at = 0; at < buffer.Length;)
        {
            int part = Math.Min(buffer.Length - at, random.Next(most) + (random.Next(8) == 0 ? 0 : 1));
            pieces.Add(buffer.Slice(at, part));
            at += part;
        }
        return [.. pieces];
    }
}
