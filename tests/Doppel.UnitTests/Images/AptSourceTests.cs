using Doppel.Images.Apt;

namespace Doppel.UnitTests.Images;

public sealed class AptSourceTests
{
    [Fact]
    public void OneLine_WithOptions_IsUnderstood()
    {
        IReadOnlyList<AptSource> sources = AptSourceParser.ParseOneLine("""
            # a comment
            deb [arch=amd64,arm64 signed-by=/keys/debian-archive-keyring.gpg check-valid-until=no trusted=yes] file:/mirror/debian bookworm main contrib # more
            deb-src file:/mirror/debian bookworm main

            deb	file:/mirror/debian   bookworm-updates main
            deb file:/flat/ ./
            deb [broken file:/mirror
            """);

        Assert.Equal(["bookworm", "bookworm-updates", "./"], sources.Select(source => source.Suite));
        Assert.Equal("file:/mirror/debian", sources[0].Uri);
        Assert.Equal(["main", "contrib"], sources[0].Components);
        Assert.Equal("/keys/debian-archive-keyring.gpg", sources[0].SignedBy);
        Assert.Equal(new Dictionary<string, string>(StringComparer.Ordinal) { ["Check-Valid-Until"] = "no" }, sources[0].Options);
        Assert.Null(sources[1].SignedBy);
    }

    [Fact]
    public void Deb822_WithSeveralUrisAndSuites_GivesEachPair()
    {
        IReadOnlyList<AptSource> sources = AptSourceParser.ParseDeb822("""
            Types: deb deb-src
            # a comment inside of a stanza
            URIs: file:/one/debian file:/two/debian
            Suites: trixie
             trixie-updates
            components: main non-free-firmware
            Signed-By:
             -----BEGIN PGP PUBLIC KEY BLOCK-----
             .
             abc
             -----END PGP PUBLIC KEY BLOCK-----

            Types: deb
            Enabled: no
            URIs: file:/off
            Suites: trixie
            Components: main

            Types: deb-src
            URIs: file:/sources
            Suites: trixie
            Components: main
            """);

        Assert.Equal(
            [("file:/one/debian", "trixie"), ("file:/one/debian", "trixie-updates"), ("file:/two/debian", "trixie"), ("file:/two/debian", "trixie-updates")],
            sources.Select(source => (source.Uri, source.Suite)));
        Assert.All(sources, source => Assert.Equal(["main", "non-free-firmware"], source.Components));
        Assert.Contains("\n .\n abc\n", sources[0].SignedBy, StringComparison.Ordinal);
    }

    [Fact]
    public void DebianLikeness_AmongVendorsWithDebianSuites_PrefersTheArchive()
    {
        IReadOnlyList<AptSource> sources = AptSourceParser.ParseOneLine("""
            deb [signed-by=/keys/vendor.gpg] file:/vendor/debian/12/prod bookworm main
            deb [signed-by=/keys/vendor.gpg] file:/engine/linux/debian bookworm stable
            deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] file:/pool/archive bookworm main
            deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] file:/security/debian-security bookworm-security main
            deb file:/ubuntu noble main
            """);

        Assert.Equal("file:/pool/archive", sources.MaxBy(source => source.DebianLikeness)!.Uri);
        Assert.Equal([true, false, true, false, false], sources.Select(source => source.DebianLikeness > 0));
    }

    [Fact]
    public void GuestSources_HaveUpdatesAndSecurityWhereTheHostDoes()
    {
        AptArchive archive = AptArchive.Choose(AptSourceParser.ParseOneLine("""
            deb [signed-by=/keys/vendor.gpg] file:/vendor/debian bookworm-security main
            deb http://127.0.0.1/debian bookworm main
            deb http://127.0.0.1/debian bookworm-updates main
            deb http://127.0.0.1/debian bookworm-backports main
            deb http://127.0.0.1/debian-security bookworm-security main
            """))!;

        Assert.Equal("bookworm", archive.Release.Suite);
        Assert.Equal([("http://127.0.0.1/debian", "trixie"), ("http://127.0.0.1/debian", "trixie-updates"), ("http://127.0.0.1/debian-security", "trixie-security")],
            Deb822.Parse(archive.ToGuestSources("trixie")).Select(static s => (s["URIs"], s["Suites"])));
    }

    [Fact]
    public void GuestSources_OfAnArchiveThatAGuestCannotReach_AreNone()
    {
        AptArchive archive = AptArchive.Choose(AptSourceParser.ParseOneLine("deb file:/mirror/debian bookworm main"))!;

        Assert.Equal("", archive.ToGuestSources("trixie"));
        Assert.Null(AptArchive.Choose(AptSourceParser.ParseOneLine("deb file:/ubuntu noble main")));
    }

    [Fact]
    public void Stanza_OfASource_KeepsMirrorAndKeyAndNoTrust()
    {
        AptSource source = AptSourceParser.ParseOneLine(
            "deb [trusted=yes check-date=no signed-by=/keys/a.gpg,/keys/b.gpg] file:/mirror/debian bookworm main contrib")[0];

        Dictionary<string, string> stanza = Assert.Single(Deb822.Parse(source.ToStanza("trixie", "riscv64", "/unused.gpg")));

        Assert.Equal("file:/mirror/debian", stanza["URIs"]);
        Assert.Equal("trixie", stanza["Suites"]);
        Assert.Equal("main", stanza["Components"]);
        Assert.Equal("riscv64", stanza["Architectures"]);
        Assert.Equal("no", stanza["Check-Date"]);
        Assert.Equal("/keys/a.gpg /keys/b.gpg", stanza["Signed-By"]);
        Assert.False(stanza.ContainsKey("Trusted"));
    }

    [Fact]
    public void Stanza_OfASourceWithoutAKey_TakesTheDefault()
    {
        AptSource source = AptSourceParser.ParseOneLine("deb file:/mirror/debian bookworm main")[0];

        Assert.Equal("/keys/default.gpg", Deb822.Parse(source.ToStanza("trixie", "riscv64", "/keys/default.gpg"))[0]["Signed-By"]);
        Assert.False(Deb822.Parse(source.ToStanza("trixie", "riscv64", null))[0].ContainsKey("Signed-By"));
    }

    [Fact]
    public void PrivateConfiguration_OfAFolderThatAptCannotQuote_IsRefused() =>
        Assert.Throws<AptException>(() => AptConfiguration.Private("/a\"b", "riscv64"));
}
