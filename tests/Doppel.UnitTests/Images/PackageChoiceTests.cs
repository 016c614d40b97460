using Doppel.Images;
using Doppel.Images.Apt;
using Doppel.Images.Roots;

namespace Doppel.UnitTests.Images;

/// <summary>The host's real apt chooses packages out of an archive of the test's own.</summary>
public sealed class PackageChoiceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeArchive _archive = new();
    private readonly ProgressLog _log = new();
    private readonly DebianArchiveSession _session;

    public PackageChoiceTests()
    {
        _archive.Add("library", "1.0-1", "", ("usr/lib/a", [1]));
        _archive.Add("tool", "2:3.0", "library (>= 1.0)\nPre-Depends: library", ("usr/bin/tool", [2, 3]));
        _archive.Add("broken", "1", "nowhere");
        _archive.Publish();
        _session = new DebianArchiveSession(_archive.Source(), _folder.Path, _log);
    }

    public void Dispose()
    {
        _archive.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Choose_OfAPackage_BringsWhatItNeedsFirst()
    {
        PackageChoice choice = await _session.ChooseAsync(["tool"], "", recommends: false, default);

        Assert.Equal(["library", "tool"], choice.Packages.Select(static p => p.Name));
        Assert.Equal(new AptOperation(true, "library", "1.0-1"), choice.Operations[0]);
        Assert.Contains(new AptOperation(false, "tool", "2:3.0"), choice.Operations);
    }

    [Fact]
    public async Task Choose_OfAVersion_TakesIt() =>
        Assert.Equal("2:3.0", (await _session.ChooseAsync(["tool=2:3.0"], "", recommends: false, default)).Packages[^1].Version);

    [Fact]
    public async Task Choose_ForASystemThatHasSome_BringsTheRest()
    {
        const string Status = "Package: library\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: riscv64\nMaintainer: Nobody <nobody@localhost>\nDescription: a package of a test\n";
        Assert.Equal(["tool"], (await _session.ChooseAsync(["tool"], Status, recommends: true, default)).Packages.Select(static p => p.Name));
        Assert.Empty((await _session.ChooseAsync(["library"], Status, recommends: true, default)).Packages);
    }

    [Theory]
    [InlineData("missing", "Unable to locate package missing")]
    [InlineData("tool=9", "Version '9' for 'tool' was not found")]
    [InlineData("broken", "Depends: nowhere but it is not")]
    public async Task Choose_OfWhatCannotBeInstalled_SaysWhy(string package, string reason)
    {
        AptException e = await Assert.ThrowsAsync<AptException>(() => _session.ChooseAsync([package], "", recommends: false, default));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_OfSeveralPackages_GivesTheirFilesInOrderAndReportsAll()
    {
        PackageChoice choice = await _session.ChooseAsync(["tool"], "", recommends: false, default);
        IReadOnlyList<string> files = await _session.DownloadAsync(choice.Packages, default);

        Assert.Equal(["library", "tool"], files.Select(static f => Tool.Run("dpkg-deb", "--field", f, "Package").Trim()));
        Assert.Equal(1.0, _log.Entries.Last(static e => e.Step == ImageStep.Download).Fraction);
        // What is there is not fetched again, so the archive may be gone.
        Directory.Delete(Path.Combine(_archive.Root, "pool"), recursive: true);
        Assert.Equal(files, await _session.DownloadAsync(choice.Packages, default));
    }

    [Fact]
    public async Task Choose_AgainFromTheSameIndex_DoesNotAskAptAgain()
    {
        PackageChoice first = await _session.ChooseAsync(["tool"], "", recommends: true, default);
        var log = new ProgressLog();
        PackageChoice again = await new DebianArchiveSession(_archive.Source(), _folder.Path, log).ChooseAsync(["tool"], "", recommends: true, default);

        Assert.Equal(first.Operations, again.Operations);
        Assert.Equal(first.Packages, again.Packages);
        Assert.Equal("library", again.Packages[^1].PreDepends);
        Assert.Contains(_log.Entries, static e => e.Detail == "choosing packages");
        Assert.DoesNotContain(log.Entries, static e => e.Detail == "choosing packages");
    }

    [Fact]
    public async Task Choose_AfterTheArchiveHasChanged_TakesWhatIsNew()
    {
        _ = await _session.ChooseAsync(["tool"], "", recommends: true, default);
        _archive.Add("tool", "2:4.0", "library (>= 1.0)", ("usr/bin/tool", [4]));
        _archive.Publish();
        PackageChoice later = await new DebianArchiveSession(_archive.Source(), _folder.Path, _log).ChooseAsync(["tool"], "", recommends: true, default);

        Assert.Equal("2:4.0", later.Packages[^1].Version);
        Assert.Single(Directory.EnumerateFiles(_folder["choices"]));
    }

    [Fact]
    public async Task Sources_OfAnArchiveThatAGuestCannotReach_AreNone() => Assert.Equal("", await _session.GuestSourcesAsync(default));
}
