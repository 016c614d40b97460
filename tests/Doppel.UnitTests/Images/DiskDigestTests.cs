using System.Security.Cryptography;
using Doppel.Host;
using Doppel.Images.Roots;

namespace Doppel.UnitTests.Images;

/// <summary>Disk images with holes: their copies, and the names of their contents.</summary>
public sealed class DiskDigestTests : IDisposable
{
    private const int Length = 10 << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Compute_OfTheSameContent_DoesNotSeeWhichZeroesAreHoles()
    {
        byte[] content = Content();
        string full = _folder.Write("full", content);
        string holes = WriteWithHoles("holes", content);

        Assert.Equal(DiskDigest.Compute(full, default), DiskDigest.Compute(holes, default));
        Assert.Equal(3 << 20, DiskDigest.Compute(holes, default).Stored);
    }

    [Theory]
    [InlineData(0)]
    [InlineData((4 << 20) + 7)]
    [InlineData(Length - 1)]
    public void Compute_AfterOneByteHasChanged_IsAnother(int at)
    {
        byte[] content = Content();
        string before = DiskDigest.Compute(_folder.Write("disk", content), default).Digest;
        content[at] ^= 1;

        Assert.NotEqual(before, DiskDigest.Compute(_folder.Write("disk", content), default).Digest);
    }

    [Fact]
    public void Compute_OfAnotherLength_IsAnother()
    {
        SparseFile.Create(_folder["short"], 2 << 20);
        SparseFile.Create(_folder["long"], 3 << 20);

        Assert.NotEqual(DiskDigest.Compute(_folder["short"], default), DiskDigest.Compute(_folder["long"], default));
    }

    [Fact]
    public void Compute_IsWhatItsDescriptionSays()
    {
        byte[] content = Content();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(BitConverter.GetBytes((long)Length));
        foreach (long block in (long[])[1, 4, 9])
        {
            hash.AppendData(BitConverter.GetBytes(block));
            hash.AppendData(content.AsSpan((int)block << 20, 1 << 20));
        }

        Assert.Equal(Convert.ToHexStringLower(hash.GetHashAndReset()), DiskDigest.Compute(_folder.Write("disk", content), default).Digest);
    }

    [Fact]
    public void Clone_OfAFileWithHoles_HasItsContentAndItsHoles()
    {
        byte[] content = Content();
        string original = WriteWithHoles("original", content);
        SparseFile.Clone(original, _folder["copy"]);

        Assert.Equal(content, File.ReadAllBytes(_folder["copy"]));
        Assert.Equal(Tool.Run("stat", "-c", "%b", original), Tool.Run("stat", "-c", "%b", _folder["copy"]));
    }

    [Fact]
    public void Clone_OntoAFileThatIsThere_IsRefused()
    {
        SparseFile.Create(_folder["a"], 4096);
        string there = _folder.Write("b", "kept");

        Assert.Throws<IOException>(() => SparseFile.Clone(_folder["a"], there));
        Assert.Equal("kept", File.ReadAllText(there));
    }

    // Data in blocks 1, 4 and 9.
    private static byte[] Content()
    {
        byte[] content = new byte[Length];
        var random = new Random(5);
        random.NextBytes(content.AsSpan(1 << 20, 1 << 20));
        random.NextBytes(content.AsSpan((4 << 20) + 5000, 20000));
        content[^1] = 1;
        return content;
    }

    private string WriteWithHoles(string name, byte[] content)
    {
        SparseFile.Create(_folder[name], content.Length);
        using FileStream file = File.OpenWrite(_folder[name]);
        for (int at = 0; at < content.Length; at += 4096)
        {
            ReadOnlySpan<byte> page = content.AsSpan(at, 4096);
            if (page.IndexOfAnyExcept((byte)0) < 0) continue;
            file.Position = at;
            file.Write(page);
        }
        return _folder[name];
    }
}
