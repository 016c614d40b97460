using System.Buffers.Binary;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Backends.Block.Qcow2;
using Doppel.Devices.Backends.Block.Zstd;
using Doppel.UnitTests.Devices.Fuzz;
using Doppel.UnitTests.Images;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Disks;

/// <summary>Images that somebody has made to do harm: whatever their tables say, the worst is an input/output error.</summary>
public sealed class Qcow2FuzzTests(ITestOutputHelper output) : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Image_WithMutatedTables_GivesInputOutputErrorsAtMost()
    {
        byte[][] images = [Make("cluster_size=512"), Make("cluster_size=4096,compat=0.10"), Make("cluster_size=4096", "-c"), Make("compression_type=zstd,cluster_size=4096", "-c"), Make("cluster_size=64k,refcount_bits=1")];
        new FuzzSeed(output).Run(600, random =>
        {
            byte[] image = [.. images[random.Next(images.Length)]];
            Mutate(image, random);
            Exercise(image, random);
        });
    }

    [Fact]
    public void Zstd_MutatedFrames_GiveDataOrAnError()
    {
        byte[] content = Qcow2QemuTests.Compressible(new Random(1), 256 << 10);
        string raw = _folder.Write("raw", content), path = _folder["image"];
        Qemu.Image("convert", "-c", "-f", "raw", "-O", "qcow2", "-o", "compression_type=zstd,cluster_size=64k", raw, path);
        MemoryFile file = new(File.ReadAllBytes(path));
        Qcow2Header header = Qcow2HeaderReader.Read(file);
        using Qcow2Image image = new(file, header, backing: null, writable: false);
        Qcow2Run run = image.Metadata.Tables.Find(0, header.ClusterBytes);
        (long offset, int bytes) = Qcow2Compression.Place(run.Entry, header.ClusterBits);
        byte[] frame = file.ToArray().AsSpan((int)offset, bytes).ToArray(), target = new byte[header.ClusterBytes];
        new FuzzSeed(output).Run(3000, random =>
        {
            byte[] mutated = frame[..(random.Next(4) == 0 ? random.Next(frame.Length) : frame.Length)];
            for (int i = random.Next(4); i >= 0 && mutated.Length > 0; i--) mutated[random.Next(random.Next(2) == 0 ? Math.Min(40, mutated.Length) : mutated.Length)] ^= (byte)(1 << random.Next(8));
            Exception? error = Record.Exception(() => ZstdDecoder.Decode(mutated, target));
            Assert.True(error is null or InvalidDataException, $"{error}");
        });
    }

    private static void Exercise(byte[] image, Random random)
    {
        MemoryFile file = new(image);
        bool isWritable = random.Next(4) != 0;
        Exception? error = Record.Exception(() =>
        {
            Qcow2Header header = Qcow2HeaderReader.Read(file);
            using Qcow2Image disk = new(file, header, backing: null, isWritable);
            for (int i = 0; i < 12; i++) Step(disk, random, isWritable);
        });
        Assert.True(error is null or IOException, $"{error}");
        error = Record.Exception(() =>
        {
            Qcow2Checker checker = new(file, Qcow2HeaderReader.Read(file));
            checker.Check();
            Qcow2Repair.Run(file, Qcow2HeaderReader.Read(file));
        });
        Assert.True(error is null or IOException, $"{error}");
    }

    private static void Step(Qcow2Image disk, Random random, bool isWritable)
    {
        int length = 512 * (1 + random.Next(300));
        long offset = random.NextInt64(Math.Max(1, Math.Min(disk.Length, 4L << 20) - length)) & ~511L;
        length = (int)Math.Min(length, disk.Length - offset);
        Exception? error = Record.Exception(() =>
        {
            switch (random.Next(isWritable ? 7 : 1))
            {
                case 0 or 5: Disk.Read(disk, offset, length); break;
                case 1 or 6: Disk.Write(disk, offset, new byte[length]); break;
                case 2: disk.Discard(offset, length); break;
                case 3: disk.WriteZeroes(offset, length, mayUnmap: true); break;
                default: disk.Flush(); break;
            }
        });
        Assert.True(error is null or IOException, $"{error}");
    }

    // Mostly the header and the tables: the first clusters, and words that look like places.
    private static void Mutate(byte[] image, Random random)
    {
        for (int i = 1 + random.Next(4); i > 0; i--)
        {
            int at = random.Next(3) switch { 0 => 4 + random.Next(108), 1 => random.Next(Math.Min(image.Length, 8192)), _ => random.Next(image.Length) };
            if (random.Next(2) == 0) image[at] = (byte)random.Next(256);
            else BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(Math.Min(at & ~7, image.Length - 8)), Word(random));
        }
    }

    private static ulong Word(Random random)
    {
        ulong place = (ulong)random.Next(64) << random.Next(9, 50);
        return random.Next(5) switch
        {
            0 => place,
            1 => place | 1UL << 63,
            2 => place | 1UL << 62,
            3 => (ulong)random.NextInt64(),
            _ => ulong.MaxValue >> random.Next(64),
        };
    }

    private byte[] Make(string options, params string[] more)
    {
        string raw = _folder.Write("raw", Qcow2QemuTests.Compressible(new Random(2), Size)), path = _folder["image"];
        Qemu.Image(["convert", .. more, "-f", "raw", "-O", "qcow2", "-o", options, raw, path]);
        if (!options.Contains("refcount_bits", StringComparison.Ordinal)) Qemu.Image("snapshot", "-c", "s", path);
        return File.ReadAllBytes(path);
    }
}
