using Doppel.Images;

namespace Doppel.UnitTests.Images;

public sealed class GuestFilesTests
{
    private const uint AnyExecute = 0x49;

    private static IReadOnlyList<CpioEntry> Entries => CpioReader.Read(GuestFiles.ToInitrd());

    [Fact]
    public void Init_IsAnExecutableScript()
    {
        CpioEntry init = Entries.Single(entry => entry.Path == "init");

        Assert.StartsWith("#!/bin/sh\n", init.Text, StringComparison.Ordinal);
        Assert.Equal(0x81EDu, init.Mode);
    }

    [Fact]
    public void Scripts_AreCorrectForAPosixShell()
    {
        using var folder = new TemporaryFolder();
        CpioEntry[] scripts = [.. Entries.Where(entry => (entry.Mode & 0xF000) == 0x8000
            && (((entry.Mode & AnyExecute) != 0 && entry.Data.AsSpan().StartsWith("#!"u8)) || entry.Path is "usr/lib/doppel/shell" or "usr/lib/doppel/network"))];

        Assert.Equal(5, scripts.Length);
        Assert.All(scripts, script => Tool.Filter(script.Data, "sh", "-n"));
    }

    [Fact]
    public void Digest_IsThatOfTheArchive() =>
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(GuestFiles.ToInitrd())), GuestFiles.Digest());
}
