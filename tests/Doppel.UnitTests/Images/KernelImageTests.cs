using System.Buffers.Binary;
using Doppel.Images.Linux;

namespace Doppel.UnitTests.Images;

public sealed class KernelImageTests
{
    [Fact]
    public void ToImage_OfAFlatImage_LeavesItAlone()
    {
        byte[] image = FlatImage();

        Assert.Same(image, KernelImage.ToImage(image));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("xz")]
    public void ToImage_OfAPackedImage_UnpacksIt(string program) =>
        Assert.Equal(FlatImage(), KernelImage.ToImage(Tool.Filter(FlatImage(), program, "-c")));

    [Fact]
    public void ToImage_OfAnEfiZbootImage_UnpacksThePayload() =>
        Assert.Equal(FlatImage(), KernelImage.ToImage(Zboot(Tool.Filter(FlatImage(), "gzip", "-c"), sizeError: 0)));

    [Fact]
    public void ToImage_OfADamagedEfiZbootImage_IsRefused() =>
        Assert.Throws<InvalidDataException>(() => KernelImage.ToImage(Zboot(Tool.Filter(FlatImage(), "gzip", "-c"), sizeError: 1)));

    [Fact]
    public void ToImage_OfAnythingElse_IsRefused() =>
        Assert.Throws<InvalidDataException>(() => KernelImage.ToImage(new byte[4096]));

    [Fact]
    public void ToImage_OfAFilePackedOverAndOver_IsRefused()
    {
        byte[] packed = FlatImage();
        for (int i = 0; i < 4; i++) packed = Tool.Filter(packed, "gzip", "-c");

        Assert.Throws<InvalidDataException>(() => KernelImage.ToImage(packed));
    }

    private static byte[] FlatImage()
    {
        byte[] image = new byte[100_000];
        "RSC\u0005"u8.CopyTo(image.AsSpan(0x38));
        image[^1] = 7;
        return image;
    }

    private static byte[] Zboot(byte[] payload, uint sizeError)
    {
        byte[] program = new byte[512 + payload.Length];
        "MZ"u8.CopyTo(program);
        "zimg"u8.CopyTo(program.AsSpan(4));
        BinaryPrimitives.WriteUInt32LittleEndian(program.AsSpan(8), 512);
        BinaryPrimitives.WriteUInt32LittleEndian(program.AsSpan(12), (uint)payload.Length + sizeError);
        payload.CopyTo(program.AsSpan(512));
        return program;
    }
}
