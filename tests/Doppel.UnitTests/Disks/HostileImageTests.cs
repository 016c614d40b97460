using System.Buffers.Binary;
using Doppel.Boards;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Backends.Block.Qcow2;
using Doppel.Devices.Virtio.Block;
using Doppel.Disks;
using Doppel.Host;
using Doppel.UnitTests.Devices.Block;
using Doppel.UnitTests.Images;

namespace Doppel.UnitTests.Disks;

/// <summary>Images that are cut short or were made to do harm, files that are no disks, and guests at the end of a disk.</summary>
public sealed class HostileImageTests : IDisposable
{
    private const int L1Coverage = 512 << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_OfNothingBehindTheLastTable_IsDone()
    {
        MemoryFile file = new();
        Qcow2Creator.Create(file, new Qcow2CreateOptions { Size = L1Coverage });
        using Qcow2Image image = new(file, Qcow2HeaderReader.Read(file), backing: null, writable: true);
        Assert.True(image.TryReadCached(L1Coverage, []));
        using BlockBench bench = new(image);
        bench.Submit(0, 0, BlockBench.Read, L1Coverage / 512, bytes: 0);
        bench.Submit(0, 1, BlockBench.Write, L1Coverage / 512, bytes: 0);
        Assert.Equal([0, 1], bench.WaitForDone(2).Order());
        Assert.Equal((0, 0), (bench.Status(0), bench.Status(1)));
    }

    [Theory]
    [InlineData(100_000)]
    [InlineData(800_000)]
    [InlineData(1_500_000)]
    public void Image_CutShort_IsAnErrorAndNotZeroes(int length)
    {
        byte[] content = new byte[2 << 20];
        new Random(1).NextBytes(content);
        string raw = _folder.Write("raw", content), path = _folder["image.qcow2"];
        Qemu.Image("convert", "-f", "raw", "-O", "qcow2", raw, path);
        using (FileStream file = File.OpenWrite(path)) file.SetLength(length);
        string message = Assert.ThrowsAny<IOException>(() =>
        {
            using IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { ReadOnly = true });
            Disk.ReadAll(disk);
        }).Message;
        Assert.Contains("cut short", message, StringComparison.Ordinal);
        Assert.Contains(path, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Counts_ScatteredOverTheWholeFile_AreNotFollowed()
    {
        ClusterCounts counts = new("image", mostPages: 100);
        string message = Assert.ThrowsAny<IOException>(() =>
        {
            for (long i = 0; i < 1000; i++) counts.Add(i << 20, 1);
        }).Message;
        Assert.Contains("image is too large", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("disk.img", new byte[] { 0x1F, 0x8B, 0x08 }, "gunzip")]
    [InlineData("disk.raw", new byte[] { 0xFD, 0x37, 0x7A, 0x58, 0x5A, 0 }, "unxz")]
    [InlineData("disk", new byte[] { 0x28, 0xB5, 0x2F, 0xFD }, "unzstd")]
    [InlineData("disk.vhdx", new byte[] { 0x76, 0x68, 0x64, 0x78, 0x66, 0x69, 0x6C, 0x65 }, "qemu-img convert")]
    [InlineData("disk.img", new byte[] { 0x51, 0x46, 0x49, 0xFB }, "format=qcow2")]
    public void Open_WhatIsNoRawDisk_SaysWhatToDo(string name, byte[] start, string advice)
    {
        string path = _folder.Write(name, [.. start, .. new byte[4096]]);
        string message = Assert.ThrowsAny<IOException>(() => DiskImage.Open(path, new DiskImageOptions())).Message;
        Assert.Contains(advice, message, StringComparison.Ordinal);
        Assert.Contains("format=raw", message, StringComparison.Ordinal);
        DiskImage.Open(path, new DiskImageOptions { Format = "raw" }).Dispose();
    }

    [Fact]
    public void Open_OfAPipe_IsRefusedAndDoesNotWait()
    {
        string pipe = _folder["pipe.img"];
        Assert.Equal(0, Qemu.Run("mkfifo", pipe).Status);
        Assert.Contains("is a pipe", Assert.ThrowsAny<IOException>(() => DiskImage.Open(pipe, new DiskImageOptions())).Message, StringComparison.Ordinal);
        Assert.Contains("empty", Assert.ThrowsAny<IOException>(() => DiskImages.Inspect("")).Message, StringComparison.Ordinal);
        Assert.Contains("a folder", Assert.ThrowsAny<IOException>(() => DiskImage.Open(_folder.Path, new DiskImageOptions())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Replace_OfWhatIsNoPlainFile_IsRefused()
    {
        string pipe = _folder["pipe"];
        Assert.Equal(0, Qemu.Run("mkfifo", pipe).Status);
        DiskCreation creation = new("raw") { Size = 4096, Replace = true };
        Assert.Contains("no plain file", Assert.ThrowsAny<IOException>(() => DiskImages.Create(pipe, creation)).Message, StringComparison.Ordinal);
        Assert.True(File.Exists(pipe));
    }

    [Fact]
    public void Replace_ThatFails_LeavesTheOldImage()
    {
        string path = _folder.Write("disk.qcow2", "precious"u8.ToArray());
        DiskCreation wrong = new("qcow2") { Size = 4096, ClusterSize = 7, Replace = true };
        Assert.ThrowsAny<IOException>(() => DiskImages.Create(path, wrong));
        Assert.ThrowsAny<IOException>(() => DiskImages.Create(path, new DiskCreation("qcow2") { Backing = path, BackingFormat = "raw", Replace = true }));
        Assert.ThrowsAny<IOException>(() => DiskImages.Convert(path, "qcow2", path, new DiskCreation("raw") { Replace = true }));
        Assert.Equal("precious", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(_folder.Path));
        DiskImages.Create(path, wrong with { ClusterSize = 4096 });
        Assert.Equal(4096, DiskImages.Inspect(path).VirtualSize);
        Assert.Equal([path], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Resize_ToMoreThanAFileCanHave_IsAnInputOutputError()
    {
        string path = _folder.Write("disk.img", new byte[4096]);
        Assert.ThrowsAny<IOException>(() => DiskImages.Resize(path, null, static _ => long.MaxValue / 512 * 512));
        using HostFile file = HostFile.Open(path, writable: true);
        Assert.ThrowsAny<IOException>(() => file.SetLength(-1));
    }

    [Fact]
    public void Autoclear_Bits_AreStableBeforeTheFirstWrite()
    {
        MemoryFile file = new() { IsRecording = true };
        Qcow2Creator.Create(file, new Qcow2CreateOptions { Size = 1 << 20 });
        PinnedBuffer bits = new(8);
        BinaryPrimitives.WriteUInt64BigEndian(bits.Span, 1);
        file.Write(88, bits);
        int before = file.LogLength;
        using Qcow2Image image = new(file, Qcow2HeaderReader.Read(file), backing: null, writable: true);
        Assert.Equal(0UL, Qcow2HeaderReader.Read(file).Autoclear);
        Assert.Equal(file.LogLength - 1, file.FindFlush(before));
    }

    [Fact]
    public void Close_HostFails_IsToldAndNoException()
    {
        MemoryFile file = new();
        Qcow2Creator.Create(file, new Qcow2CreateOptions { Size = 1 << 20 });
        Qcow2Image image = new(file, Qcow2HeaderReader.Read(file), backing: null, writable: true);
        Disk.Write(image, 0, new byte[512]);
        file.BeforeWrite = static () => throw new IOException("no space left");
        BoardDisk disk = new("image", image, new VirtioBlockOptions());
        List<string> log = [];
        disk.Flush(log.Add);
        disk.Close(log.Add);
        Assert.Equal(2, log.Count);
        Assert.All(log, static line => Assert.Contains("disk image: no space left", line, StringComparison.Ordinal));
    }
}
