using System.Text;
using Doppel.Images.Archives;

namespace Doppel.UnitTests.Images;

public sealed class CpioArchiveTests
{
    [Fact]
    public void Archive_OfOneFile_IsTheDocumentedBytes()
    {
        var archive = new CpioArchive();
        archive.AddFile("a", "xyz"u8.ToArray());

        string expected =
            "070701" + "00000001" + "000081A4" + "00000000" + "00000000" + "00000001" + "00000000" + "00000003"
            + "00000000" + "00000000" + "00000000" + "00000000" + "00000002" + "00000000" + "a\0" + "xyz\0"
            + "070701" + "00000000" + "00000000" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000"
            + "00000000" + "00000000" + "00000000" + "00000000" + "0000000B" + "00000000" + "TRAILER!!!\0" + "\0\0\0";
        Assert.Equal(expected, Encoding.ASCII.GetString(archive.ToArray()));
    }

    [Fact]
    public void Archive_OfEveryKind_ReadsBack()
    {
        IReadOnlyList<CpioEntry> entries = CpioReader.Read(Sample().ToArray());

        Assert.Equal(["bin", "dev", "dev/console", "etc", "etc/issue", "root"], entries.Select(entry => entry.Path));
        Assert.Equal([0xA1FFu, 0x41EDu, 0x2180u, 0x41EDu, 0x81A4u, 0x41C0u], entries.Select(entry => entry.Mode));
        Assert.Equal("usr/bin", entries[0].Text);
        Assert.Equal((5u, 1u), entries[2].Device);
        Assert.Equal("Grüße\n", entries[4].Text);
        Assert.Equal([1u, 2u, 3u, 4u, 5u, 6u], entries.Select(entry => entry.Inode));
        Assert.All(entries, entry => Assert.Equal(0u, entry.Time));
    }

    [Fact]
    public void Archive_OfTheSameContentInAnotherOrder_IsTheSame()
    {
        var other = new CpioArchive();
        other.AddDirectory("root", 0x1C0);
        other.AddFile("etc/issue", "Grüße\n"u8.ToArray());
        other.AddCharacterDevice("dev/console", 5, 1, 0x180);
        other.AddSymlink("bin", "usr/bin");

        Assert.Equal(Sample().ToArray(), other.ToArray());
    }

    [Fact]
    public void Archives_InARow_KeepAlignment()
    {
        byte[] first = Sample().ToArray();
        byte[] second = Sample().ToArray();

        Assert.Equal(0, first.Length % 4);
        Assert.Equal(12, CpioReader.Read([.. first, .. second]).Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/etc/passwd")]
    [InlineData("../up")]
    [InlineData("a//b")]
    [InlineData("a/./b")]
    [InlineData("a/")]
    [InlineData("nul\0byte")]
    [InlineData("TRAILER!!!")]
    public void AddFile_WithAPathThatIsNotPlain_IsRefused(string path) =>
        Assert.ThrowsAny<ArgumentException>(() => new CpioArchive().AddFile(path, default));

    [Fact]
    public void AddFile_BelowAFile_IsRefused()
    {
        CpioArchive archive = Sample();

        Assert.Throws<ArgumentException>(() => archive.AddFile("etc/issue/below", default));
    }

    [Fact]
    public void AddFile_Twice_IsRefused()
    {
        CpioArchive archive = Sample();

        Assert.Throws<ArgumentException>(() => archive.AddFile("etc/issue", default));
    }

    private static CpioArchive Sample()
    {
        var archive = new CpioArchive();
        archive.AddFile("etc/issue", "Grüße\n"u8.ToArray());
        archive.AddSymlink("bin", "usr/bin");
        archive.AddCharacterDevice("dev/console", 5, 1, 0x180);
        archive.AddDirectory("root", 0x1C0);
        return archive;
    }
}
