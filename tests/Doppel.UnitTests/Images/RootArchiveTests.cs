using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using Doppel.Images;
using Doppel.Images.Roots;

namespace Doppel.UnitTests.Images;

/// <summary>Archives that people import: what wraps them is taken off, and what is no root for a guest is refused before a guest sees it.</summary>
public sealed class RootArchiveTests : IDisposable
{
    private const ushort X64 = 62, RiscV = 243;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("cat", ".tar")]
    [InlineData("gzip", ".tar.gz")]
    [InlineData("xz", ".tar.xz")]
    public async Task Unpack_OfAPackedRoot_GivesThePlainOne(string program, string ending)
    {
        byte[] plain = Archive(("./bin/sh", Elf(RiscV)));
        await File.WriteAllBytesAsync(_folder["root" + ending], Tool.Filter(plain, program, program == "cat" ? "-" : "-c"));

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(plain)), await UnpackAsync("root" + ending));
        Assert.Equal(plain, await File.ReadAllBytesAsync(_folder["plain"]));
    }

    [Fact]
    public async Task Unpack_OfARootForAnotherProcessor_NamesAProgramOfIt()
    {
        string reason = await RefusedAsync(Archive(("./etc/motd", [1]), ("./usr/bin/bash", Elf(X64)), ("./usr/bin/env", Elf(X64))));
        Assert.Contains("usr/bin/bash is a program for x86-64, and guests are riscv64", reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("oci-layout", "blobs/sha256/0")]
    [InlineData("0123/layer.tar", "manifest.json")]
    public async Task Unpack_OfAContainerImageInLayers_SaysHowToMakeARootOfIt(string first, string second) =>
        Assert.Contains("podman export", await RefusedAsync(Archive((first, [1]), (second, [2]))), StringComparison.Ordinal);

    [Fact]
    public async Task Unpack_OfARootWithAnEmulatorOfAnotherProcessor_IsFine()
    {
        await File.WriteAllBytesAsync(_folder["root.tar"], Archive(("usr/bin/qemu-riscv64-static", Elf(X64)), ("bin/sh", Elf(RiscV))));
        Assert.Equal(64, (await UnpackAsync("root.tar")).Length);
    }

    [Fact]
    public async Task Unpack_OfAnArchiveWithASparseFileAndLongNames_SeesWhatIsBehindThem()
    {
        // 24 stretches of data need more of a map than fits into the header.
        Directory.CreateDirectory(_folder["tree"]);
        await using (FileStream file = File.Create(_folder["tree/a"]))
        {
            for (int i = 0; i < 24; i++)
            {
                file.Position = i << 20;
                file.WriteByte(1);
            }
        }
        await File.WriteAllTextAsync(_folder["tree/" + new string('n', 200)], "text");
        await File.WriteAllBytesAsync(_folder["tree/z"], Elf(X64));
        _ = Tool.Run("tar", "--format=gnu", "--sparse", "--sort=name", "-cf", _folder["root.tar"], "-C", _folder["tree"], ".");
        ImageException e = await Assert.ThrowsAsync<ImageException>(() => UnpackAsync("root.tar"));
        Assert.Contains(": z is a program for x86-64", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unpack_OfAnArchiveThatIsCutOff_IsRefused()
    {
        byte[] packed = Tool.Filter(Archive(("bin/sh", Elf(RiscV)), ("data", RandomNumberGenerator.GetBytes(100_000))), "gzip", "-c");
        Assert.Contains("unexpected end of file", await RefusedAsync(packed[..50_000]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unpack_OfHostileHeaders_IsAnswered()
    {
        const int Seed = 7;
        var random = new Random(Seed);
        byte[] good = Archive(("a", [1, 2, 3]), ("bin/sh", Elf(X64)));
        for (int round = 0; round < 300; round++)
        {
            byte[] bad = [.. good];
            for (int i = random.Next(1, 8); i > 0; i--) bad[random.Next(bad.Length)] = (byte)random.Next(256);
            await File.WriteAllBytesAsync(_folder["root.tar"], bad);
            Assert.True(await Record.ExceptionAsync(() => UnpackAsync("root.tar")) is null or ImageException, $"seed {Seed}, round {round}");
        }
    }

    private async Task<string> RefusedAsync(byte[] archive)
    {
        await File.WriteAllBytesAsync(_folder["root.tar"], archive);
        ImageException e = await Assert.ThrowsAsync<ImageException>(() => UnpackAsync("root.tar"));
        Assert.False(File.Exists(_folder["plain"]));
        return e.Message;
    }

    private Task<string> UnpackAsync(string name) => RootArchive.UnpackAsync(_folder[name], _folder["plain"], static _ => { }, default);

    private static byte[] Archive(params (string Path, byte[] Content)[] files)
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Pax))
        {
            foreach ((string path, byte[] content) in files) tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(content) });
        }
        return stream.ToArray();
    }

    private static byte[] Elf(ushort machine)
    {
        byte[] header = new byte[64];
        "\u007fELF\u0002\u0001\u0001"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(18), machine);
        return header;
    }
}
