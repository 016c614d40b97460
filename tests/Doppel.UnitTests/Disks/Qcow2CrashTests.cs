using Doppel.Devices.Backends.Block;
using Doppel.Devices.Backends.Block.Qcow2;
using Doppel.UnitTests.Devices.Fuzz;
using Doppel.UnitTests.Images;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Disks;

/// <summary>
/// The storage stops in the middle, with some of the unflushed sectors written and others not: the image has at worst clusters that are lost
/// space, and all that the guest had flushed is there. Set DOPPEL_DISK_CRASHES to a number of rounds for a longer run.
/// </summary>
public sealed class Qcow2CrashTests(ITestOutputHelper output) : IDisposable
{
    private const int Size = 1 << 20, Sector = 512, Steps = 50;

    private readonly TemporaryFolder _folder = new();

    private static int Rounds => int.Parse(Environment.GetEnvironmentVariable("DOPPEL_DISK_CRASHES") ?? "4", System.Globalization.CultureInfo.InvariantCulture);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(512, 3)]
    [InlineData(4096, 3)]
    [InlineData(4096, 2)]
    [InlineData(65536, 3)]
    public void Crash_AtAnyPoint_LosesNothingThatWasFlushed(int cluster, int version) => new FuzzSeed(output).Run(Rounds, random =>
    {
        MemoryFile file = NewImage(cluster, version);
        Guest guest = Run(file, below: null, random, new byte[Size]);
        for (int i = 0; i < 12; i++) guest.JudgeCrash(random.Next(guest.Start, file.LogLength + 1), random, useQemu: i == 0 ? _folder : null);
    });

    [Theory]
    [InlineData(4096)]
    [InlineData(65536)]
    public void Crash_OfAnOverlay_LosesNothingThatWasFlushed(int cluster) => new FuzzSeed(output).Run(Rounds, random =>
    {
        byte[] content = Qcow2ModelTests.RandomContent(random, Size);
        MemoryFile file = NewImage(cluster, version: 3);
        Guest guest = Run(file, new ArrayDisk([.. content]), random, content);
        for (int i = 0; i < 12; i++) guest.JudgeCrash(random.Next(guest.Start, file.LogLength + 1), random, useQemu: i == 0 ? _folder : null);
    });

    [Fact]
    public void Crash_OfAnImageWithSnapshot_LosesNothingThatWasFlushed() => new FuzzSeed(output).Run(Rounds, random =>
    {
        byte[] content = Qcow2ModelTests.RandomContent(random, Size);
        string raw = _folder.Write("raw", content), path = _folder["image"];
        Qemu.Image("convert", "-f", "raw", "-O", "qcow2", "-o", "cluster_size=4096", raw, path);
        Qemu.Image("snapshot", "-c", "before", path);
        MemoryFile file = new(File.ReadAllBytes(path)) { IsRecording = true };
        Guest guest = Run(file, below: null, random, content, File.ReadAllBytes(path));
        for (int i = 0; i < 12; i++) guest.JudgeCrash(random.Next(guest.Start, file.LogLength + 1), random, useQemu: i == 0 ? _folder : null);
    });

    [Fact]
    public void Crash_WhileTheRefcountTableMoves_LosesNothingThatWasFlushed() => new FuzzSeed(output).Run(Rounds / 2, random =>
    {
        // With clusters of 512 bytes the first table counts 8 MiB of the file.
        const int Filled = 7_950 << 10, PlaceOfTable = 48, LengthOfPlace = 12;
        MemoryFile file = new() { IsRecording = true };
        byte[] content = new byte[9 << 20];
        Qcow2Creator.Create(file, new Qcow2CreateOptions { Size = content.Length, ClusterSize = 512 });
        random.NextBytes(content.AsSpan(0, Filled));
        using (Qcow2Image image = Open(file, below: null)) Disk.Write(image, 0, content[..Filled]);
        file.Flush();
        Guest guest = Run(file, below: null, random, content, first: Filled / Sector);
        int moved = file.FindWrite(PlaceOfTable, LengthOfPlace), stable = file.FindFlush(moved), after = file.FindFlush(stable + 1);
        foreach (int point in (int[])[moved, stable, stable, stable, after, after, after]) guest.JudgeCrash(point, random, useQemu: null);
    });

    [Fact]
    public void Write_ThatTheStorageRefusesNowAndThen_LeavesTheTablesInAgreement() => new FuzzSeed(output).Run(Rounds * 3, random =>
    {
        MemoryFile file = NewImage(4096, version: 3);
        using (Qcow2Image image = Open(file, below: null))
        {
            file.BeforeWrite = () =>
            {
                if (random.Next(6) == 0) throw new IOException("no space left");
            };
            for (int i = 0; i < Steps * 2; i++)
            {
                Exception? error = Record.Exception(() => Change(image, random));
                Assert.True(error is null or IOException, $"{error}");
            }
            file.BeforeWrite = null;
        }
        Qemu.CheckClean(_folder.Write("image", file.ToArray()));
    });

    [Fact]
    public void Write_ThatTheStorageRefusesWhileTheRefcountTableGrows_IsThereWhenItIsTriedAgain() => new FuzzSeed(output).Run(Rounds, random =>
    {
        // With clusters of 512 bytes the first table counts 8 MiB of the file; from a little before on, the storage refuses more.
        const int Piece = 64 << 10, Pieces = 140, Near = (8 << 20) - (128 << 10);
        MemoryFile file = new();
        Qcow2Creator.Create(file, new Qcow2CreateOptions { Size = 64 << 20, ClusterSize = 512 });
        using (Qcow2Image image = Open(file, below: null))
        {
            for (int i = 0; i < Pieces; i++)
            {
                byte[] bytes = [.. Enumerable.Repeat((byte)(i + 1), Piece)];
                file.BeforeWrite = () =>
                {
                    if (random.Next(file.Length > Near ? 2 : 8) == 0) throw new IOException("no space left");
                };
                while (Record.Exception(() => Disk.Write(image, (long)i * Piece, bytes)) is IOException)
                {
                    // Until it is done.
                }
                file.BeforeWrite = null;
                if (i % 16 == 0) image.Flush();
            }
            for (int i = 0; i < Pieces; i++) Assert.True(Disk.Read(image, (long)i * Piece, Piece).AsSpan().IndexOfAnyExcept((byte)(i + 1)) < 0, $"piece {i}");
        }
        Qemu.CheckAtWorstLeaks(_folder.Write("image", file.ToArray()));
    });

    private static void Change(Qcow2Image image, Random random)
    {
        int length = Sector * (1 + random.Next(200)), offset = random.Next(Size / Sector - length / Sector) * Sector;
        switch (random.Next(5))
        {
            case 0: image.Discard(offset, length); break;
            case 1: image.WriteZeroes(offset, length, mayUnmap: true); break;
            case 2: image.Flush(); break;
            default: Disk.Write(image, offset, new byte[length]); break;
        }
    }

    private static MemoryFile NewImage(int cluster, int version)
    {
        MemoryFile file = new() { IsRecording = true };
        Qcow2Creator.Create(file, new Qcow2CreateOptions { Size = Size, ClusterSize = cluster, Version = version });
        file.Flush();
        return file;
    }

    private static Qcow2Image Open(MemoryFile file, IBlockBackend? below) => new(file, Qcow2HeaderReader.Read(file), below, writable: true);

    private static Guest Run(MemoryFile file, IBlockBackend? below, Random random, byte[] content, byte[]? imageBefore = null, int first = 0)
    {
        Guest guest = new(file, below, content, imageBefore) { First = first };
        // Left open: a crash closes nothing.
        Qcow2Image image = Open(file, below);
        for (int i = 0; i < Steps; i++) guest.Step(image, random);
        return guest;
    }

    /// <summary>What a guest did, and what it may expect after a crash.</summary>
    private sealed class Guest(MemoryFile file, IBlockBackend? below, byte[] content, byte[]? imageBefore)
    {
        private readonly List<Deed> _deeds = [];
        private readonly byte[] _before = [.. content];

        internal int Start { get; } = file.LogLength;

        /// <summary>First sector that it does anything to.</summary>
        internal int First { get; init; }

        internal void Step(Qcow2Image image, Random random)
        {
            int sectors = 1 + random.Next(random.Next(3) == 0 ? 300 : 12), first = random.Next(First, content.Length / Sector - sectors + 1), start = file.LogLength;
            byte[]? bytes = new byte[sectors * Sector];
            switch (random.Next(10))
            {
                case < 6:
                    random.NextBytes(bytes);
                    Disk.Write(image, first * Sector, bytes);
                    break;
                case 6:
                    image.WriteZeroes(first * Sector, bytes.Length, mayUnmap: random.Next(2) == 0);
                    break;
                case 7:
                    image.Discard(first * Sector, bytes.Length);
                    bytes = null;
                    break;
                default:
                    image.Flush();
                    (sectors, bytes) = (0, []);
                    break;
            }
            _deeds.Add(new Deed(start, file.LogLength, first, sectors, bytes));
        }

        internal void JudgeCrash(int logLength, Random random, TemporaryFolder? useQemu)
        {
            MemoryFile after = CrashFile(logLength, random);
            Qcow2Checker checker = new(after, Qcow2HeaderReader.Read(after));
            checker.Check();
            Assert.True(checker.Report.Corruptions == 0, string.Join("; ", checker.Report.Problems));
            if (useQemu is not null) Qemu.CheckAtWorstLeaks(useQemu.Write("crashed", after.ToArray()));
            using Qcow2Image image = new(after, Qcow2HeaderReader.Read(after), below, writable: true);
            Judge(logLength, Disk.ReadAll(image));
            // It goes on from there.
            DiskModel model = new(image, Disk.ReadAll(image));
            for (int i = 0; i < 10; i++) model.Step(random, mostSectors: 100);
            model.Verify();
        }

        private MemoryFile CrashFile(int logLength, Random random)
        {
            MemoryFile after = new(imageBefore);
            file.Replay(after, logLength, random);
            return after;
        }

        // A sector is what it was at the last flush, or anything that it became after it.
        private void Judge(int logLength, byte[] found)
        {
            byte[] flushed = [.. _before];
            int last = _deeds.FindLastIndex(d => d.Sectors == 0 && d.End <= logLength);
            for (int i = 0; i <= last; i++) _deeds[i].Bytes?.CopyTo(flushed, _deeds[i].First * Sector);
            Deed[] later = [.. _deeds.Skip(last + 1).TakeWhile(d => d.Start < logLength)];
            HashSet<int> undefined = [.. _deeds.Where(static d => d is { Bytes: null }).SelectMany(static d => Enumerable.Range(d.First, d.Sectors))];
            for (int sector = 0; sector < content.Length / Sector; sector++)
            {
                ReadOnlySpan<byte> now = found.AsSpan(sector * Sector, Sector);
                bool isRight = undefined.Contains(sector) || now.SequenceEqual(flushed.AsSpan(sector * Sector, Sector));
                for (int i = 0; i < later.Length && !isRight; i++) isRight = later[i].Has(sector, now);
                Assert.True(isRight, $"sector {sector} is lost after a crash at {logLength}");
            }
        }

        private sealed record Deed(int Start, int End, int First, int Sectors, byte[]? Bytes)
        {
            internal bool Has(int sector, ReadOnlySpan<byte> content)
                => Bytes is not null && sector >= First && sector < First + Sectors && content.SequenceEqual(Bytes.AsSpan((sector - First) * Sector, Sector));
        }
    }
}
