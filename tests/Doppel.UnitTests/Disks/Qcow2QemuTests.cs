using System.Buffers.Binary;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Backends.Block.Qcow2;
using Doppel.UnitTests.Images;

namespace Doppel.UnitTests.Disks;

/// <summary>Images that QEMU has made, read and written by us.</summary>
public sealed class Qcow2QemuTests : IDisposable
{
    private const int Size = 2 << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Options => new(
        from cluster in (string[])["512", "4k", "64k", "2M"]
        from rest in (string[])["compat=0.10", "compat=1.1", "compat=1.1,lazy_refcounts=on", "preallocation=metadata", "preallocation=falloc"]
        select $"cluster_size={cluster},{rest}");

    public static TheoryData<string> Widths => new(((string[])["1", "2", "4", "8", "16", "32", "64"]).Select(static w => $"refcount_bits={w},cluster_size=4k"));

    [Theory]
    [MemberData(nameof(Options))]
    [MemberData(nameof(Widths))]
    public void MadeByQemu_ReadAndWritten_KeepsItsContentAndPassesTheCheck(string options)
    {
        byte[] content = Qcow2ModelTests.RandomContent(new Random(7), Size);
        string raw = _folder.Write("raw", content), path = _folder["image"];
        Qemu.Image("create", "-q", "-f", "qcow2", "-o", options, path, $"{Size}");
        Qemu.Image("convert", "-n", "-f", "raw", "-O", "qcow2", raw, path);
        using (IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { Format = "qcow2" }))
        {
            Assert.Equal(content, Disk.ReadAll(disk));
            DiskModel model = new(disk, content);
            Random random = new(8);
            for (int i = 0; i < 60; i++) model.Step(random);
            model.Verify();
        }
        Qemu.CheckClean(path);
        Qemu.Image("compare", "-f", "raw", "-F", "qcow2", _folder.Write("raw", content), path);
    }

    [Theory]
    [InlineData("compression_type=zlib", 4096)]
    [InlineData("compression_type=zlib", 65536)]
    [InlineData("compression_type=zlib", 2 << 20)]
    [InlineData("compression_type=zstd", 4096)]
    [InlineData("compression_type=zstd", 65536)]
    [InlineData("compression_type=zstd", 2 << 20)]
    public void Compressed_ByQemu_IsReadAndWrittenOver(string compression, int cluster)
    {
        byte[] content = Compressible(new Random(9), Size);
        string raw = _folder.Write("raw", content), path = _folder["image"];
        Qemu.Image("convert", "-c", "-f", "raw", "-O", "qcow2", "-o", $"{compression},cluster_size={cluster}", raw, path);
        using (IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { Format = "qcow2" }))
        {
            Assert.Equal(content, Disk.ReadAll(disk));
            DiskModel model = new(disk, content);
            Random random = new(10);
            for (int i = 0; i < 100; i++) model.Step(random);
            model.Verify();
        }
        Qemu.CheckClean(path);
        Qemu.Image("compare", "-f", "raw", "-F", "qcow2", _folder.Write("raw", content), path);
    }

    [Theory]
    [InlineData("data_file=data", "second file")]
    [InlineData("extended_l2=on", "subclusters")]
    public void Feature_ThatIsNotSupported_IsRefusedByName(string options, string named)
    {
        string path = _folder["image"];
        Qemu.Image("create", "-q", "-f", "qcow2", "-o", options.Replace("=data", "=" + _folder["data"], StringComparison.Ordinal), path, "1M");
        IOException error = Assert.ThrowsAny<IOException>(() => DiskImage.Open(path, new DiskImageOptions { Format = "qcow2" }));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(32, 2UL << 32, "encrypted")]
    [InlineData(72, 1UL << 40, "bit 40")]
    public void Header_OfAnImageThatIsNotSupported_IsRefusedByName(int offset, ulong bits, string named)
    {
        string path = _folder["image"];
        Qemu.Image("create", "-q", "-f", "qcow2", path, "1M");
        byte[] image = File.ReadAllBytes(path);
        BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(offset), BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(offset)) | bits);
        File.WriteAllBytes(path, image);
        IOException error = Assert.ThrowsAny<IOException>(() => DiskImage.Open(path, new DiskImageOptions { Format = "qcow2" }));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Resize_GrownAndShrunk_ReadsZeroWhereItIsNewAndPassesTheCheck()
    {
        string path = _folder["image.qcow2"];
        Qcow2Image.Create(path, new Qcow2CreateOptions { Size = 1 << 20, ClusterSize = 4096 });
        Random random = new(11);
        byte[] content = new byte[1 << 20];
        using (Qcow2Image disk = (Qcow2Image)DiskImage.Open(path, new DiskImageOptions()))
        {
            new DiskModel(disk, content).Write(random, 0, content.Length);
            disk.Resize(300_032);
            Array.Clear(content, 300_032, content.Length - 300_032);
            disk.Resize(40 << 20);
            Array.Resize(ref content, 40 << 20);
            Assert.Equal(content, Disk.ReadAll(disk));
            new DiskModel(disk, content).Write(random, 30 << 20, 5 << 20);
        }
        Qemu.CheckClean(path);
        Qemu.Image("compare", "-f", "raw", "-F", "qcow2", _folder.Write("raw", content), path);
    }

    [Fact]
    public void Create_LargeDiskOfSmallClusters_GrowsItsRefcountTable()
    {
        string path = _folder["image.qcow2"];
        Qcow2Image.Create(path, new Qcow2CreateOptions { Size = 64L << 30, ClusterSize = 512 });
        using (IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions()))
        {
            byte[] bytes = new byte[12 << 20];
            new Random(12).NextBytes(bytes);
            Disk.Write(disk, 40L << 30, bytes);
            Assert.Equal(bytes, Disk.Read(disk, 40L << 30, bytes.Length));
        }
        Qemu.CheckClean(path);
    }

    internal static byte[] Compressible(Random random, int length)
    {
        byte[] content = new byte[length];
        string[] words = [.. Enumerable.Range(0, 300).Select(_ => $"{(char)random.Next('a', 'z')}{random.Next(1 << random.Next(1, 30))} ")];
        for (int at = 0; at < length;)
        {
            ReadOnlySpan<char> word = words[(int)(words.Length * Math.Pow(random.NextDouble(), 3))];
            for (int i = 0; i < word.Length && at < length; i++) content[at++] = (byte)word[i];
            int run = random.Next(400) == 0 ? Math.Min(random.Next(100_000), length - at) : 0;
            if (random.Next(2) == 0) random.NextBytes(content.AsSpan(at, Math.Min(run, 20_000)));
            at += run;
        }
        return content;
    }
}
