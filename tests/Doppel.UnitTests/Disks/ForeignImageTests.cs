using Doppel.Devices.Backends.Block;
using Doppel.Devices.Backends.Block.Foreign;
using Doppel.Disks;
using Doppel.UnitTests.Devices.Fuzz;
using Doppel.UnitTests.Images;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Disks;

/// <summary>Images of other programs, made by QEMU.</summary>
public sealed class ForeignImageTests(ITestOutputHelper output) : IDisposable
{
    private const int Size = 4 << 20;

    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _content = Qcow2QemuTests.Compressible(new Random(6), Size);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("vpc", "subformat=dynamic,force_size=on")]
    [InlineData("vpc", "subformat=fixed,force_size=on")]
    [InlineData("vmdk", "subformat=monolithicSparse")]
    [InlineData("vmdk", "subformat=streamOptimized")]
    [InlineData("vdi", "static=off")]
    [InlineData("vdi", "static=on")]
    public void Image_MadeByQemu_ReadsAsItsSource(string format, string options)
    {
        string path = Make(format, options);
        using (IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { ReadOnly = true }))
        {
            Assert.Equal(_content, Disk.ReadAll(disk));
            Random random = new(7);
            for (int i = 0; i < 50; i++)
            {
                int offset = random.Next(Size - 70_000), length = 1 + random.Next(70_000);
                Assert.True(_content.AsSpan(offset, length).SequenceEqual(Disk.Read(disk, offset, length, random)));
            }
            Assert.ThrowsAny<IOException>(() => Disk.Write(disk, 0, new byte[512]));
        }
        DiskImages.Convert(path, null, _folder["copy.qcow2"], new DiskCreation("qcow2"));
        Qemu.Image("compare", "-f", "raw", "-F", "qcow2", _folder["raw"], _folder["copy.qcow2"]);
    }

    [Fact]
    public void Image_OfAnotherProgram_IsWrittenToInAnOverlayOnly()
    {
        string path = Make("vdi", "static=off");
        Assert.Contains("snapshot=on", Assert.ThrowsAny<IOException>(() => DiskImage.Open(path, new DiskImageOptions())).Message, StringComparison.Ordinal);
        using IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { Snapshot = true });
        Disk.Write(disk, 512, new byte[1024]);
        _content.AsSpan(512, 1024).Clear();
        Assert.Equal(_content, Disk.ReadAll(disk));
    }

    [Fact]
    public void Image_WithMutatedTables_GivesInputOutputErrorsAtMost()
    {
        (DiskFormat Format, byte[] Image)[] images =
        [
            (DiskFormat.Vhd, File.ReadAllBytes(Make("vpc", "subformat=dynamic"))),
            (DiskFormat.Vmdk, File.ReadAllBytes(Make("vmdk", "subformat=monolithicSparse"))),
            (DiskFormat.Vmdk, File.ReadAllBytes(Make("vmdk", "subformat=streamOptimized"))),
            (DiskFormat.Vdi, File.ReadAllBytes(Make("vdi", "static=off"))),
        ];
        new FuzzSeed(output).Run(200, random =>
        {
            (DiskFormat format, byte[] original) = images[random.Next(images.Length)];
            byte[] image = [.. original];
            for (int i = 1 + random.Next(4); i > 0; i--)
            {
                int at = random.Next(3) switch { 0 => random.Next(512), 1 => random.Next(Math.Min(4096, image.Length)), _ => image.Length - 1 - random.Next(1024) };
                image[at] = random.Next(3) switch { 0 => 0, 1 => 255, _ => (byte)random.Next(256) };
            }
            Exception? error = Record.Exception(() => Exercise(image, format, random));
            Assert.True(error is null or IOException, $"{error}");
        });
    }

    private static void Exercise(byte[] image, DiskFormat format, Random random)
    {
        MemoryFile file = new(image);
        using ForeignImage disk = new(file, DiskImage.LayoutOf(file, format));
        for (int i = 0; i < 8; i++)
        {
            long offset = random.NextInt64(Math.Max(1, random.Next(2) == 0 ? disk.Length : Math.Min(disk.Length, Size)));
            Exception? error = Record.Exception(() => Disk.Read(disk, offset, (int)Math.Min(100_000, disk.Length - offset)));
            Assert.True(error is null or IOException, $"{error}");
        }
    }

    private string Make(string format, string options)
    {
        string path = _folder[$"image.{(format == "vpc" ? "vhd" : format)}"];
        Qemu.Image("convert", "-f", "raw", "-O", format, "-o", options, _folder.Write("raw", _content), path);
        return path;
    }
}
