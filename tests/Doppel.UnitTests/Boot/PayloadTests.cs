using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Doppel.Boot.Payloads;

namespace Doppel.UnitTests.Boot;

public sealed class PayloadTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("doppel-payload-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Elf_WithSymbols_GivesSegmentEntryAndSymbols()
    {
        Payload payload = Read(ElfBuilder.Build(0x80000000, [1, 2, 3, 4], 0x100, ("tohost", 0x80001000), ("main", 0x80000000)));

        Assert.Equal(PayloadKind.Elf, payload.Kind);
        Assert.Equal(0x80000000UL, payload.Entry);
        Assert.Equal(0x80001000UL, payload.Symbols["tohost"]);
        PayloadSegment segment = Assert.Single(payload.Segments);
        Assert.Equal((0x80000000UL, 0x100UL), (segment.Address, segment.MemorySize));
        Assert.Equal(new byte[] { 1, 2, 3, 4 }, segment.Data.ToArray());
    }

    [Fact]
    public void Elf_LinkedByGnuLd_AgreesWithReadelf()
    {
        Payload payload = PayloadReader.Read("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.elf", "--bios", []);

        Assert.Equal(0x80000000UL, payload.Entry);
        Assert.Equal((0x80000000UL, 0x45ac8UL), (payload.Start, payload.End - payload.Start));
    }

    [Theory]
    [InlineData(4, 1, "32-bit")]
    [InlineData(5, 2, "big-endian")]
    [InlineData(18, 62, "another CPU")]
    [InlineData(16, 1, "not an executable")]
    [InlineData(56, 0, "no program headers")]
    [InlineData(54, 8, "malformed")]
    [InlineData(71, 0xFF, "no loadable segment")]
    [InlineData(39, 0xFF, "program header table")]
    [InlineData(79, 0xFF, "segment 0")]
    [InlineData(47, 0xFF, "section header table")]
    [InlineData(99, 1, "more bytes in the file")]
    public void Elf_FieldOutOfRange_SaysWhat(int offset, byte value, string message)
    {
        byte[] file = ElfBuilder.Build(0x80000000, new byte[16], 0x100);
        file[64 + 3] = offset == 71 ? (byte)0x60 : (byte)0;
        file[offset] = value;

        VirtualMachineException error = Assert.Throws<VirtualMachineException>(() => Read(file));

        Assert.StartsWith("--kernel ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void Elf_BytesChangedAtRandom_GivesAProgramOrAFormatError(int seed)
    {
        byte[] file = ElfBuilder.Build(0x80000000, new byte[64], 0x100, ("tohost", 0x80001000), ("fromhost", 0x80001040));

        Assert.Equal(20_000, Fuzz.Mutate(file, seed, 20_000, static bytes => ElfReader.Read("x", bytes)));
    }

    [Fact]
    public void LinuxImage_WithHeader_GivesTextOffsetAndSizeInMemory()
    {
        Payload payload = Read(LinuxImage(0x3000));

        Assert.Equal(PayloadKind.LinuxImage, payload.Kind);
        Assert.Equal(0x200000UL, payload.TextOffset);
        Assert.Equal(0x3000UL, payload.End);
    }

    [Fact]
    public void LinuxImage_PackedWithGzip_IsUnpacked()
    {
        Payload payload = Read(Gzip(LinuxImage(0x3000)));

        Assert.Equal(PayloadKind.LinuxImage, payload.Kind);
    }

    [Fact]
    public void LinuxImage_InEfiZbootWrapper_IsUnpacked()
    {
        Payload payload = Read(Zboot(Gzip(LinuxImage(0x3000)), "gzip"));

        Assert.Equal(PayloadKind.LinuxImage, payload.Kind);
    }

    [Fact]
    public void Zboot_OtherCompression_IsNamed()
    {
        VirtualMachineException error = Assert.Throws<VirtualMachineException>(() => Read(Zboot([1, 2, 3], "zstd")));

        Assert.Contains("zstd", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gzip_Truncated_IsRefused()
    {
        byte[] random = new byte[100_000];
        new Random(1).NextBytes(random);
        byte[] packed = Gzip([.. LinuxImage(0x3000), .. random]);

        Assert.Throws<VirtualMachineException>(() => Read(packed[..50_000]));
    }

    [Fact]
    public void LinuxImage_WithSectionPastTheEnd_IsCalledTruncated()
    {
        byte[] image = [.. LinuxImage(0x3000), .. new byte[256]];
        "MZ"u8.CopyTo(image);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(60), 64);
        "PE\0\0"u8.CopyTo(image.AsSpan(64));
        image[64 + 6] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(64 + 24 + 16), 0x10000);

        VirtualMachineException error = Assert.Throws<VirtualMachineException>(() => Read(image));

        Assert.Contains("truncated", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public void LinuxImage_BytesChangedAtRandom_GivesAProgramOrAFormatError(int seed)
    {
        byte[] image = [.. LinuxImage(0x3000), .. new byte[128]];

        Assert.Equal(20_000, Fuzz.Mutate(image, seed, 20_000, static bytes => _ = bytes.Length < 64 ? null : LinuxImageReader.Read("x", bytes)));
    }

    [Fact]
    public void File_Missing_SaysOptionAndPath()
    {
        VirtualMachineException error = Assert.Throws<VirtualMachineException>(() => PayloadReader.Read("/nonexistent/vmlinuz", "--kernel", []));

        Assert.Equal("--kernel /nonexistent/vmlinuz: no such file", error.Message);
    }

    [Fact]
    public void File_Empty_IsRefused() => Assert.Contains("empty", Assert.Throws<VirtualMachineException>(() => Read([])).Message, StringComparison.Ordinal);

    [Fact]
    public void File_IsAFolder_IsRefused() =>
        Assert.Contains("directory", Assert.Throws<VirtualMachineException>(() => PayloadReader.Read(_folder, "--kernel", [])).Message, StringComparison.Ordinal);

    [Fact]
    public void File_WithoutAnyHeader_IsFlat()
    {
        Payload payload = Read([0x13, 0, 0, 0]);

        Assert.Equal((PayloadKind.Flat, 4UL), (payload.Kind, payload.End));
    }

    private Payload Read(byte[] file)
    {
        string path = Path.Combine(_folder, "payload");
        File.WriteAllBytes(path, file);
        return PayloadReader.Read(path, "--kernel", []);
    }

    private static byte[] LinuxImage(ulong size)
    {
        byte[] image = new byte[0x1000];
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(8), 0x200000);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(16), size);
        "RISCV\0\0\0RSC\x05"u8.CopyTo(image.AsSpan(48));
        return image;
    }

    private static byte[] Gzip(byte[] plain)
    {
        using MemoryStream packed = new();
        using (GZipStream stream = new(packed, CompressionLevel.Fastest)) stream.Write(plain);
        return packed.ToArray();
    }

    private static byte[] Zboot(byte[] packed, string compression)
    {
        byte[] file = new byte[64 + packed.Length];
        "MZ\0\0zimg"u8.CopyTo(file);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(8), 64);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(12), (uint)packed.Length);
        Encoding.ASCII.GetBytes(compression).CopyTo(file, 24);
        packed.CopyTo(file, 64);
        return file;
    }
}
