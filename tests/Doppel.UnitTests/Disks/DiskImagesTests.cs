using System.Buffers.Binary;
using System.Text.Json;
using Doppel.Devices.Backends.Block;
using Doppel.Disks;
using Doppel.UnitTests.Images;

namespace Doppel.UnitTests.Disks;

/// <summary>What the command <c>doppel disk</c> does, judged by <c>qemu-img</c>.</summary>
public sealed class DiskImagesTests : IDisposable
{
    private const int Size = (3 << 20) + 1536;

    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _content = Qcow2QemuTests.Compressible(new Random(3), Size);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(65536, false, "zlib")]
    [InlineData(65536, true, "zlib")]
    [InlineData(512, true, "zlib")]
    [InlineData(2 << 20, true, "zlib")]
    [InlineData(65536, false, "zstd")]
    [InlineData(65536, true, "zstd")]
    [InlineData(512, true, "zstd")]
    [InlineData(2 << 20, true, "zstd")]
    public void Convert_RawToQcow2AndBack_IsTheSameAndPassesTheCheck(int cluster, bool compress, string compression)
    {
        string raw = _folder.Write("a.img", _content), image = _folder["a.qcow2"];
        List<double> progress = [];
        DiskImages.Convert(raw, null, image, new DiskCreation("qcow2") { ClusterSize = cluster, Compress = compress, Compression = compression }, new Collect(progress));
        Assert.Equal(1, progress[^1]);
        Qemu.CheckClean(image);
        Qemu.Image("compare", "-f", "raw", "-F", "qcow2", raw, image);
        Assert.Equal(compress, DiskImages.Check(image).CompressedClusters > 0);
        Assert.Equal(compression, DiskImages.Inspect(image).Qcow2!.Compression);
        DiskImages.Convert(image, null, _folder["b.img"], new DiskCreation("raw"));
        Assert.Equal(_content, File.ReadAllBytes(_folder["b.img"]));
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.part"));
    }

    [Fact]
    public void Create_ByACompressionThatTheFormatLacks_SaysWhatThereIs()
    {
        string path = _folder["image.qcow2"];
        DiskCreation creation = new("qcow2") { Size = 1 << 20 };
        Assert.Contains("version 3", Fails(creation with { Compression = "zstd", Version = 2 }), StringComparison.Ordinal);
        Assert.Contains("zlib or zstd", Fails(creation with { Compression = "lzma" }), StringComparison.Ordinal);
        Assert.False(File.Exists(path));

        string Fails(DiskCreation wrong) => Assert.Throws<DiskImageException>(() => DiskImages.Create(path, wrong)).Message;
    }

    [Theory]
    [InlineData("zlib")]
    [InlineData("zstd")]
    public void Convert_CompressedDisk_IsAboutAsSmallAsQemuMakesIt(string compression)
    {
        string raw = _folder.Write("a.img", _content);
        DiskImages.Convert(raw, null, _folder["ours"], new DiskCreation("qcow2") { Compress = true, Compression = compression });
        Qemu.Image("convert", "-c", "-f", "raw", "-O", "qcow2", "-o", $"compression_type={compression}", raw, _folder["theirs"]);
        Assert.InRange(new FileInfo(_folder["ours"]).Length, 1, new FileInfo(_folder["theirs"]).Length * 12 / 10);
    }

    [Fact]
    public void Commit_OfAnOverlay_IsAsQemuDoesIt()
    {
        string below = _folder["below.qcow2"], overlay = _folder["over.qcow2"];
        Qemu.Image("convert", "-f", "raw", "-O", "qcow2", _folder.Write("raw", _content), below);
        DiskImages.Create(overlay, new DiskCreation("qcow2") { Backing = "below.qcow2", Size = 4 << 20 });
        byte[] content = [.. _content];
        Array.Resize(ref content, 4 << 20);
        using (IBlockBackend disk = DiskImage.Open(overlay, new DiskImageOptions()))
        {
            DiskModel model = new(disk, content);
            Random random = new(4);
            for (int i = 0; i < 80; i++) model.Step(random);
            model.Verify();
        }
        Assert.Equal(below, DiskImages.Commit(overlay));
        Qemu.CheckClean(below);
        Qemu.CheckClean(overlay);
        Qemu.Image("compare", "-f", "raw", "-F", "qcow2", _folder.Write("raw", content), below);
        Qemu.Image("compare", "-f", "qcow2", "-F", "qcow2", overlay, below);
        Assert.Equal(0, DiskImages.Check(overlay).AllocatedClusters);
    }

    [Theory]
    [InlineData("compat=1.1,lazy_refcounts=on,cluster_size=4k")]
    [InlineData("compat=0.10")]
    [InlineData("compat=1.1,compression_type=zstd,refcount_bits=32")]
    public void Inspect_AnyImage_TellsWhatQemuTells(string options)
    {
        string path = _folder["image.qcow2"], below = _folder["below.img"];
        _folder.Write("below.img", _content);
        Qemu.Image("create", "-q", "-f", "qcow2", "-b", "below.img", "-F", "raw", "-o", options, path);
        Qemu.Image("snapshot", "-c", "first", path);
        using JsonDocument theirs = JsonDocument.Parse(Qemu.Image("info", "--output=json", path));
        DiskInformation ours = DiskImages.Inspect(path);
        JsonElement root = theirs.RootElement, data = root.GetProperty("format-specific").GetProperty("data");
        Assert.Equal(root.GetProperty("virtual-size").GetInt64(), ours.VirtualSize);
        Assert.Equal(root.GetProperty("actual-size").GetInt64(), ours.FileSize);
        Assert.Equal(root.GetProperty("cluster-size").GetInt32(), ours.ClusterSize);
        Assert.Equal("below.img", ours.Backing);
        Assert.Equal(below, ours.FullBacking);
        Assert.Equal("raw", ours.BackingFormat);
        Assert.Equal(data.GetProperty("compat").GetString() == "0.10" ? 2 : 3, ours.Qcow2!.Version);
        Assert.Equal(data.GetProperty("compression-type").GetString(), ours.Qcow2.Compression);
        Assert.Equal(data.GetProperty("refcount-bits").GetInt32(), ours.Qcow2.RefcountBits);
        Assert.Equal("first", Assert.Single(ours.Qcow2.Snapshots).Name);
        Assert.Equal(["image.qcow2", "below.img"], DiskImages.InspectChain(path).Select(static d => Path.GetFileName(d.Path)));
    }

    [Fact]
    public void Map_OfAnImage_TellsWhatQemuTells()
    {
        string path = _folder["image.qcow2"];
        Qemu.Image("create", "-q", "-f", "qcow2", path, "8M");
        Qemu.Io(path, "qcow2", "write -P 1 1M 128k", "write -P 2 5M 4k", "write -z 6M 1M");
        using JsonDocument theirs = JsonDocument.Parse(Qemu.Image("map", "--output=json", path));
        long[] data = [.. theirs.RootElement.EnumerateArray().Where(static e => e.GetProperty("data").GetBoolean()).SelectMany(static e => new[] { e.GetProperty("start").GetInt64(), e.GetProperty("length").GetInt64() })];
        Assert.Equal(data, DiskImages.Map(path).Where(static e => !e.IsZero).SelectMany(static e => new[] { e.Start, e.Length }));
    }

    [Theory]
    [InlineData("refcounts")]
    [InlineData("table")]
    [InlineData("flag")]
    [InlineData("block")]
    public void Check_DamagedImage_FindsWhatQemuFindsAndRepairsIt(string damage)
    {
        string path = _folder["image.qcow2"];
        Qemu.Image("convert", "-f", "raw", "-O", "qcow2", "-o", "cluster_size=4096", _folder.Write("raw", _content), path);
        byte[] image = File.ReadAllBytes(path);
        long table = BinaryPrimitives.ReadInt64BigEndian(image.AsSpan(48)), block = BinaryPrimitives.ReadInt64BigEndian(image.AsSpan((int)table));
        long l1 = BinaryPrimitives.ReadInt64BigEndian(image.AsSpan(40)), l2 = BinaryPrimitives.ReadInt64BigEndian(image.AsSpan((int)l1)) & 0x00FF_FFFF_FFFF_FE00;
        switch (damage)
        {
            case "refcounts": image.AsSpan((int)block + 20, 60).Clear(); break;
            case "table": BinaryPrimitives.WriteInt64BigEndian(image.AsSpan((int)table), 0); break;
            case "flag": image[l2] ^= 0x80; break;
            default: BinaryPrimitives.WriteInt64BigEndian(image.AsSpan((int)table), 12345); break;
        }
        File.WriteAllBytes(path, image);
        Assert.Equal(2, Qemu.Run("qemu-img", "check", path).Status);
        DiskCheck found = DiskImages.Check(path);
        Assert.True(found.Corruptions > 0);
        Assert.NotEmpty(found.Problems);
        DiskCheck left = DiskImages.Check(path, repair: true);
        Assert.Equal((0, 0), (left.Corruptions, left.Leaks));
        Qemu.CheckClean(path);
        Qemu.Image("compare", "-f", "raw", "-F", "qcow2", _folder["raw"], path);
    }

    [Fact]
    public void Open_ImageThatQemuLeftDirty_RepairsIt()
    {
        string path = _folder["image.qcow2"];
        Qemu.Image("create", "-q", "-f", "qcow2", "-o", "lazy_refcounts=on", path, "8M");
        Qemu.Run("qemu-io", "-f", "qcow2", "-c", "write -P 5 1M 200k", "-c", "flush", "-c", "abort", path);
        Assert.True(DiskImages.Inspect(path).Qcow2!.IsDirty);
        using (IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions()))
        {
            Assert.Equal(Enumerable.Repeat((byte)5, 200 << 10), Disk.Read(disk, 1 << 20, 200 << 10));
            Disk.Write(disk, 3 << 20, new byte[512]);
        }
        Qemu.CheckClean(path);
        Assert.False(DiskImages.Inspect(path).Qcow2!.IsDirty);
    }

    [Fact]
    public void Open_ImageMarkedCorrupt_IsForReadingUntilItIsRepaired()
    {
        string path = _folder["image.qcow2"];
        DiskImages.Create(path, new DiskCreation("qcow2") { Size = 1 << 20 });
        byte[] image = File.ReadAllBytes(path);
        image[79] |= 2;
        File.WriteAllBytes(path, image);
        Assert.Contains("check --repair", Assert.ThrowsAny<IOException>(() => DiskImage.Open(path, new DiskImageOptions())).Message, StringComparison.Ordinal);
        DiskImage.Open(path, new DiskImageOptions { ReadOnly = true }).Dispose();
        DiskImages.Check(path, repair: true);
        DiskImage.Open(path, new DiskImageOptions()).Dispose();
    }

    [Fact]
    public void Open_RawImageThatAGuestMadeLookLikeAnother_IsNotTakenForIt()
    {
        string secret = _folder.Write("secret", "of the host"u8.ToArray()), raw = _folder["disk.img"];
        Qemu.Image("create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", raw, "1M");
        string message = Assert.ThrowsAny<IOException>(() => DiskImage.Open(raw, new DiskImageOptions())).Message;
        Assert.Contains("format=qcow2", message, StringComparison.Ordinal);
        Assert.Contains("format=raw", message, StringComparison.Ordinal);
        byte[] bytes = File.ReadAllBytes(raw);
        using IBlockBackend disk = DiskImage.Open(raw, new DiskImageOptions { Format = "raw" });
        Assert.Equal(bytes, Disk.ReadAll(disk));
    }

    [Fact]
    public void Open_ChainThatGoesInACircle_SaysSo()
    {
        (string a, string b) = (_folder["a.qcow2"], _folder["b.qcow2"]);
        DiskImages.Create(a, new DiskCreation("qcow2") { Size = 1 << 20 });
        DiskImages.Create(b, new DiskCreation("qcow2") { Backing = a });
        Qemu.Image("rebase", "-u", "-f", "qcow2", "-b", b, "-F", "qcow2", a);
        Assert.Contains("lies over", Assert.ThrowsAny<IOException>(() => DiskImage.Open(a, new DiskImageOptions { ReadOnly = true })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_ImageThatIsInUse_NamesItAndItsBackingFileIsShared()
    {
        (string below, string first, string second) = (_folder["below.qcow2"], _folder["1.qcow2"], _folder["2.qcow2"]);
        DiskImages.Create(below, new DiskCreation("qcow2") { Size = 1 << 20 });
        DiskImages.Create(first, new DiskCreation("qcow2") { Backing = below });
        DiskImages.Create(second, new DiskCreation("qcow2") { Backing = below });
        using IBlockBackend one = DiskImage.Open(first, new DiskImageOptions()), two = DiskImage.Open(second, new DiskImageOptions());
        Assert.Contains(first, Assert.ThrowsAny<IOException>(() => DiskImage.Open(first, new DiskImageOptions())).Message, StringComparison.Ordinal);
        string message = Assert.ThrowsAny<IOException>(() => DiskImage.Open(below, new DiskImageOptions())).Message;
        Assert.Contains("in use", message, StringComparison.Ordinal);
        Assert.Contains(below, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("qcow2")]
    public void Snapshot_WhatIsWritten_IsReadBackAndGoneAfterwards(string format)
    {
        string path = _folder[$"image.{format}"];
        Qemu.Image("convert", "-f", "raw", "-O", format, _folder.Write("raw", _content), path);
        byte[] before = File.ReadAllBytes(path), content = [.. _content];
        using (IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { Format = format, Snapshot = true }))
        {
            DiskModel model = new(disk, content);
            Random random = new(5);
            for (int i = 0; i < 40; i++) model.Step(random);
            model.Verify();
        }
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Theory]
    [InlineData("other.img")]
    [InlineData(null)]
    public void Rebase_ToADifferentImage_ReadsAsBefore(string? other)
    {
        string overlay = _folder["over.qcow2"];
        _folder.Write("below.img", _content);
        byte[] different = [.. _content];
        different.AsSpan(100_000, 300_000).Fill(3);
        _folder.Write("other.img", different);
        Qemu.Image("create", "-q", "-f", "qcow2", "-b", "below.img", "-F", "raw", overlay);
        Qemu.Io(overlay, "qcow2", "write -P 9 200k 64k", "write -z 1M 64k");
        string before = Qemu.Image("convert", "-f", "qcow2", "-O", "raw", overlay, _folder["before"]);
        DiskImages.Rebase(overlay, other);
        Assert.Equal(other, DiskImages.Inspect(overlay).Backing);
        Qemu.CheckClean(overlay);
        Qemu.Image("compare", "-f", "raw", "-F", "qcow2", _folder["before"], overlay);
        Assert.Empty(before);
    }

    [Fact]
    public void Rebase_OfAnOverlayWithoutRecordedFormat_MakesItOpen()
    {
        (string below, string overlay) = (_folder["below.img"], _folder["over.qcow2"]);
        Qemu.Image("create", "-q", "-f", "qcow2", below, "1M");
        Qemu.Image("create", "-q", "-f", "qcow2", "-b", below, "-F", "qcow2", overlay, "1M");
        // As older programs have left it: the extension with the format is one that nobody knows.
        byte[] image = File.ReadAllBytes(overlay);
        image[image.AsSpan().IndexOf((byte[])[0xE2, 0x79, 0x2A, 0xCA])] = 0x12;
        File.WriteAllBytes(overlay, image);
        Assert.Contains("disk rebase", Assert.ThrowsAny<IOException>(() => DiskImage.Open(overlay, new DiskImageOptions())).Message, StringComparison.Ordinal);
        DiskImages.Rebase(overlay, below, "qcow2", keepContent: false);
        DiskImage.Open(overlay, new DiskImageOptions()).Dispose();
        Qemu.CheckClean(overlay);
    }

    [Fact]
    public void Open_ImageWithBitmaps_LeavesAtWorstLostSpace()
    {
        string path = _folder["image.qcow2"];
        Qemu.Image("create", "-q", "-f", "qcow2", path, "64M");
        Qemu.Image("bitmap", "--add", path, "changes");
        Assert.Equal((0, 0), (DiskImages.Check(path).Corruptions, DiskImages.Check(path).Leaks));
        using (IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions())) Disk.Write(disk, 0, new byte[100_352]);
        Qemu.CheckAtWorstLeaks(path);
        Assert.Equal((0, 0), (DiskImages.Check(path, repair: true).Corruptions, DiskImages.Check(path).Leaks));
        Qemu.CheckClean(path);
    }

    [Fact]
    public void Image_UsedByManyThreads_KeepsWhatEachOfThemWrote()
    {
        const int Threads = 4, Part = 1 << 20;
        string path = _folder["image.qcow2"];
        DiskImages.Create(path, new DiskCreation("qcow2") { Size = Threads * Part, ClusterSize = 4096 });
        using (IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions()))
        {
            Exception?[] errors = new Exception?[Threads];
            Thread[] threads = [.. Enumerable.Range(0, Threads).Select(t => new Thread(() => errors[t] = Record.Exception(() => Exercise(disk, t, Threads))))];
            foreach (Thread thread in threads) thread.Start();
            foreach (Thread thread in threads) thread.Join();
            Assert.All(errors, Assert.Null);
        }
        Qemu.CheckClean(path);
    }

    // Each thread has every fourth piece of 1 KiB, so that they share all clusters; what is freed is the thread's own, at the end of the disk.
    private static void Exercise(IBlockBackend disk, int thread, int threads)
    {
        const int Piece = 1024, Pieces = 300, Own = 256 << 10;
        Random random = new(thread);
        byte[] last = new byte[Pieces];
        for (int i = 0; i < 500; i++)
        {
            int piece = random.Next(Pieces);
            long offset = ((long)piece * threads + thread) * Piece;
            byte[] found = Disk.Read(disk, offset, Piece);
            Assert.True(found.AsSpan().IndexOfAnyExcept(last[piece]) < 0, $"thread {thread} finds {found[0]} in piece {piece} and not {last[piece]}");
            last[piece] = (byte)random.Next(1, 256);
            Disk.Write(disk, offset, [.. Enumerable.Repeat(last[piece], Piece)]);
            if (i % 20 == 0) disk.Flush();
            if (i % 10 == 0) disk.Discard(disk.Length - Own * (thread + 1), Own);
            if (i % 10 == 5) Disk.Write(disk, disk.Length - Own * (thread + 1) + random.Next(50) * 4096, new byte[8192]);
        }
    }

    [Theory]
    [InlineData("a.qcow2", "qcow2")]
    [InlineData("a.img", "raw")]
    [InlineData("a", "raw")]
    [InlineData("a.VMDK", "vmdk")]
    public void FormatOfNew_ByTheEndingOfTheName_IsWhatWillBeReadOfIt(string name, string format) => Assert.Equal(format, DiskImages.FormatOfNew(name));

    [Fact]
    public void Create_WhereAnImageIs_RefusesAndLeavesIt()
    {
        string path = _folder.Write("disk.qcow2", "precious"u8.ToArray());
        Assert.Contains("exists", Assert.ThrowsAny<IOException>(() => DiskImages.Create(path, new DiskCreation("qcow2") { Size = 1 << 20 })).Message, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(path));
    }

    [Fact]
    public void Resize_SmallerWithoutLeave_SaysWhatWouldBeLost()
    {
        string path = _folder["disk.qcow2"];
        DiskImages.Create(path, new DiskCreation("qcow2") { Size = 1 << 20 });
        Assert.Contains("--shrink", Assert.ThrowsAny<IOException>(() => DiskImages.Resize(path, null, static _ => 4096)).Message, StringComparison.Ordinal);
        Assert.Equal(4096, DiskImages.Resize(path, null, static _ => 4096, shrink: true));
        Assert.Equal(4096, DiskImages.Inspect(path).VirtualSize);
    }

    private sealed class Collect(List<double> values) : IProgress<double>
    {
        public void Report(double value) => values.Add(value);
    }
}
