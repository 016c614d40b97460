using Doppel.Devices.Backends.Block;
using Doppel.Devices.Backends.Block.Qcow2;
using Doppel.UnitTests.Devices.Fuzz;
using Doppel.UnitTests.Images;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Disks;

/// <summary>Random operations on images and on arrays of bytes; QEMU judges the images.</summary>
public sealed class Qcow2ModelTests(ITestOutputHelper output) : IDisposable
{
    private const int Size = 3 << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(512, 3)]
    [InlineData(4096, 3)]
    [InlineData(65536, 3)]
    [InlineData(65536, 2)]
    [InlineData(2 << 20, 3)]
    public void Image_RandomOperations_ReadAsAnArrayDoesAndQemuFindsNoFault(int cluster, int version) => new FuzzSeed(output).Run(1, random =>
    {
        string path = _folder[$"{random.Next()}.qcow2"];
        Qcow2Image.Create(path, new Qcow2CreateOptions { Size = Size + 1536, ClusterSize = cluster, Version = version, LazyRefcounts = version == 3 });
        Exercise(path, new byte[Size + 1536], random);
    });

    [Theory]
    [InlineData(512, 3, "raw")]
    [InlineData(4096, 2, "qcow2")]
    [InlineData(65536, 3, "qcow2")]
    [InlineData(65536, 2, "raw")]
    public void Overlay_RandomOperations_ReadAsAnArrayDoesAndTheImageBelowStays(int cluster, int version, string below) => new FuzzSeed(output).Run(1, random =>
    {
        string name = $"below-{random.Next()}.{below}";
        // Shorter than the overlay: what is behind its end is zero.
        byte[] content = RandomContent(random, Size - 5 * 512);
        string raw = _folder.Write($"{name}.raw", content);
        Qemu.Image("convert", "-f", "raw", "-O", below, raw, _folder[name]);
        byte[] before = File.ReadAllBytes(_folder[name]);
        string path = _folder[$"{random.Next()}.qcow2"];
        Qcow2Image.Create(path, new Qcow2CreateOptions { Size = Size, ClusterSize = cluster, Version = version, Backing = name, BackingFormat = below });
        Array.Resize(ref content, Size);
        Exercise(path, content, random);
        Assert.Equal(before, File.ReadAllBytes(_folder[name]));
    });

    [Fact]
    public void Chain_OfSnapshots_EachReadsAsItWasWhenTheNextBegan() => new FuzzSeed(output).Run(1, random =>
    {
        string previous = _folder[$"base-{random.Next()}.qcow2"];
        Qcow2Image.Create(previous, new Qcow2CreateOptions { Size = Size });
        byte[] content = new byte[Size];
        List<(string Path, byte[] Content)> chain = [];
        for (int depth = 0; depth < 5; depth++)
        {
            content = Exercise(previous, content, random, steps: 60);
            chain.Add((previous, content));
            string next = _folder[$"{depth}-{random.Next()}.qcow2"];
            Qcow2Image.CreateOverlay(next, Path.GetFileName(previous), "qcow2");
            previous = next;
            content = [.. content];
        }
        Assert.All(chain, static image =>
        {
            using IBlockBackend disk = DiskImage.Open(image.Path, new DiskImageOptions { ReadOnly = true });
            Assert.Equal(image.Content, Disk.ReadAll(disk));
        });
    });

    [Fact]
    public void Image_WithInternalSnapshot_KeepsItIntact() => new FuzzSeed(output).Run(1, random =>
    {
        byte[] content = RandomContent(random, Size);
        string raw = _folder.Write($"{random.Next()}.raw", content), path = _folder[$"{random.Next()}.qcow2"];
        Qemu.Image("convert", "-f", "raw", "-O", "qcow2", "-o", "cluster_size=4096", raw, path);
        Qemu.Image("snapshot", "-c", "before", path);
        Exercise(path, [.. content], random);
        Qemu.Image("snapshot", "-a", "before", path);
        Qemu.CheckClean(path);
        Qemu.Image("compare", "-f", "raw", "-F", "qcow2", raw, path);
    });

    internal static byte[] RandomContent(Random random, int length)
    {
        byte[] content = new byte[length];
        random.NextBytes(content);
        for (int i = 0; i < 8; i++) content.AsSpan(random.Next(length / 2), random.Next(length / 8)).Clear();
        return content;
    }

    private byte[] Exercise(string path, byte[] content, Random random, int steps = 120)
    {
        using (IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { Format = "qcow2" }))
        {
            DiskModel model = new(disk, content);
            for (int i = 0; i < steps; i++) model.Step(random);
            model.Verify();
        }
        Qemu.CheckClean(path);
        string expected = _folder.Write($"expected-{random.Next()}", content);
        Qemu.Image("compare", "-f", "raw", "-F", "qcow2", expected, path);
        using (IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { Format = "qcow2", ReadOnly = true })) Assert.Equal(content, Disk.ReadAll(disk));
        File.Delete(expected);
        return content;
    }
}
