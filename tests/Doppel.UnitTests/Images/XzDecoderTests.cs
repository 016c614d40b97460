using System.Text;
using Doppel.Images.Archives;

namespace Doppel.UnitTests.Images;

/// <summary>The xz program is the oracle: what it packs in any way must come back.</summary>
public sealed class XzDecoderTests
{
    private const int Limit = 8 << 20;

    public static TheoryData<string, string> Settings()
    {
        string[] settings =
        [
            "-0", "-6", "-9e", "--check=none", "--check=crc32", "--check=crc64", "--check=sha256", "--lzma2=dict=4KiB",
            "--lzma2=lc=0,lp=4,pb=0", "--lzma2=lc=4,lp=0,pb=4", "--lzma2=lc=1,lp=2,pb=1,mode=fast,mf=hc3", "--block-size=10000",
        ];
        var data = new TheoryData<string, string>();
        foreach (string setting in settings)
        {
            foreach (string content in Contents.Keys) data.Add(setting, content);
        }
        return data;
    }

    private static Dictionary<string, byte[]> Contents { get; } = new(StringComparer.Ordinal)
    {
        ["empty"] = [],
        ["one byte"] = [42],
        ["run"] = new byte[300_000],
        ["text"] = Encoding.UTF8.GetBytes(string.Join(' ', Enumerable.Range(0, 40_000).Select(i => (i * 7919 % 1009).ToString("X")))),
        ["noise"] = Noise(200_000),
        ["noise between text"] = [.. new byte[70_000], .. Noise(70_000), .. new byte[70_000], .. "the end"u8],
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Decode_OfWhatXzPacks_GivesItBack(string setting, string content)
    {
        byte[] packed = Tool.Filter(Contents[content], "xz", "-c", "-T1", setting);

        Assert.Equal(Contents[content], XzDecoder.Decode(packed, Limit));
    }

    [Fact]
    public void Decode_OfSeveralStreamsWithPadding_JoinsThem()
    {
        byte[] first = Tool.Filter("one "u8.ToArray(), "xz", "-c");
        byte[] second = Tool.Filter("two"u8.ToArray(), "xz", "-c");

        Assert.Equal("one two"u8.ToArray(), XzDecoder.Decode([.. first, 0, 0, 0, 0, .. second], Limit));
    }

    [Fact]
    public void Decode_OfMoreThanAllowed_IsRefused()
    {
        byte[] packed = Tool.Filter(Contents["run"], "xz", "-c");

        Assert.Throws<InvalidDataException>(() => XzDecoder.Decode(packed, 299_999));
    }

    [Fact]
    public void Decode_OfATruncatedFile_IsRefusedAtEveryLength()
    {
        byte[] packed = Tool.Filter(Contents["text"].AsSpan(0, 3000).ToArray(), "xz", "-c");

        Assert.All(Enumerable.Range(0, packed.Length), length =>
            Assert.Throws<InvalidDataException>(() => XzDecoder.Decode(packed.AsSpan(0, length), Limit)));
    }

    [Fact]
    public void Decode_WithAnyBitFlipped_IsRefused()
    {
        byte[] packed = Tool.Filter(Contents["text"].AsSpan(0, 2000).ToArray(), "xz", "-c", "--check=crc32");

        Assert.All(Enumerable.Range(0, packed.Length * 8), bit =>
        {
            byte[] damaged = [.. packed];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<InvalidDataException>(() => XzDecoder.Decode(damaged, Limit));
        });
    }

    [Fact]
    public void Decode_OfAnotherFilter_SaysWhich()
    {
        byte[] packed = Tool.Filter(Contents["text"], "xz", "-c", "--x86", "--lzma2");

        InvalidDataException error = Assert.Throws<InvalidDataException>(() => XzDecoder.Decode(packed, Limit));
        Assert.Contains("filter", error.Message, StringComparison.Ordinal);
    }

    private static byte[] Noise(int length)
    {
        byte[] noise = new byte[length];
        new Random(1).NextBytes(noise);
        return noise;
    }
}
