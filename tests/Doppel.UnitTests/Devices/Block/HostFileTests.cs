using System.Runtime.InteropServices;
using Doppel.Devices.Backends.Block;
using Doppel.Host;
using Doppel.UnitTests.Devices.Fuzz;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>Files with and without the host's cache, in pieces of any size.</summary>
public sealed class HostFileTests(ITestOutputHelper output) : IDisposable
{
    private const int Size = 256 << 10;

    // Beside the tests: a folder for temporary files may be in memory, where there is nothing to bypass.
    private readonly string _path = Path.Combine(AppContext.BaseDirectory, $"{Guid.NewGuid():N}.img");
    private readonly byte[] _buffer = GC.AllocateArray<byte>(Size, pinned: true);

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData(HostFileCache.Used)]
    [InlineData(HostFileCache.Bypassed)]
    public void Transfers_OfAnySizeAndPlace_AreThoseOfAnArray(HostFileCache cache)
    {
        byte[] expected = new byte[Size];
        new Random(1).NextBytes(expected);
        File.WriteAllBytes(_path, expected);
        using (HostFile file = HostFile.Open(_path, writable: true, cache))
        {
            new FuzzSeed(output).Run(200, random =>
            {
                int offset = random.Next(Size), length = 1 + random.Next(Math.Min(random.Next(2) == 0 ? 700 : 20_000, Size - offset));
                if (random.Next(4) == 0) (offset, length) = (offset & -4096, 4096);
                HostBuffer[] buffers = Cut(random, length);
                if (random.Next(2) == 0)
                {
                    random.NextBytes(_buffer.AsSpan(0, length));
                    file.Write(offset, buffers);
                    _buffer.AsSpan(0, length).CopyTo(expected.AsSpan(offset));
                    return;
                }
                _buffer.AsSpan(0, length).Clear();
                file.Read(offset, buffers);
                Assert.True(_buffer.AsSpan(0, length).SequenceEqual(expected.AsSpan(offset, length)));
            });
        }
        Assert.Equal(expected, File.ReadAllBytes(_path));
    }

    [Fact]
    public void DirectWrites_OfPiecesOfOneBlockByManyThreads_AllRemain()
    {
        const int piece = 100;
        File.WriteAllBytes(_path, new byte[16384]);
        for (int i = 0; i < _buffer.Length; i++) _buffer[i] = (byte)((i / piece) + 1);
        using (HostFile file = HostFile.Open(_path, writable: true, HostFileCache.Bypassed))
        {
            Parallel.For(0, 150, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => file.Write(i * piece, [At(i * piece, piece)]));
        }
        Assert.True(File.ReadAllBytes(_path).AsSpan(0, 150 * piece).SequenceEqual(_buffer.AsSpan(0, 150 * piece)));
    }

    [Fact]
    public void ReadCached_OfWhatWasJustWritten_GivesIt()
    {
        File.WriteAllBytes(_path, [.. Enumerable.Range(0, 8192).Select(static i => (byte)i)]);
        using HostFile file = HostFile.Open(_path, writable: false);
        file.Read(0, [At(0, 8192)]);
        _buffer.AsSpan().Clear();
        bool cached = file.TryReadCached(100, [At(0, 50), At(50, 50)]);
        // Not all file systems can tell.
        Assert.True(!cached || _buffer.AsSpan(0, 100).SequenceEqual(File.ReadAllBytes(_path).AsSpan(100, 100)));
        Assert.False(file.TryReadCached(8100, [At(0, 200)]));
    }

    [Fact]
    public void Read_BeyondTheEnd_IsAnError()
    {
        File.WriteAllBytes(_path, new byte[1000]);
        foreach (HostFileCache cache in new[] { HostFileCache.Used, HostFileCache.Bypassed })
        {
            using HostFile file = HostFile.Open(_path, writable: false, cache);
            IOException error = Assert.ThrowsAny<IOException>(() => file.Read(512, [At(0, 512)]));
            Assert.Contains("shorter", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void RawFile_UnevenSizeWithoutCache_SaysHowToMendIt()
    {
        File.WriteAllBytes(_path, new byte[1000]);
        IOException error = Assert.ThrowsAny<IOException>(() => new RawFileBackend(_path, readOnly: false, HostFileCache.Bypassed));
        Assert.Contains("truncate -s %", error.Message, StringComparison.Ordinal);
    }

    private HostBuffer At(int offset, int length) => new(Marshal.UnsafeAddrOfPinnedArrayElement(_buffer, offset), (nuint)length);

    private HostBuffer[] Cut(Random random, int length)
    {
        List<HostBuffer> buffers = [];
        for (int done = 0; done < length;)
        {
            int part = random.Next(3) == 0 ? length - done : 1 + random.Next(length - done);
            buffers.Add(At(done, part));
            done += part;
        }
        return [.. buffers];
    }
}
