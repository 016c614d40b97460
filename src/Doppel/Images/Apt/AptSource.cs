namespace Doppel.Images.Apt;

/// <summary>One binary package archive out of the machine's own apt configuration, as sources.list(5) describes it.</summary>
/// <param name="Uri">Where the archive is.</param>
/// <param name="Suite">The suite this machine takes from it.</param>
/// <param name="Components">The components this machine takes from it.</param>
/// <param name="SignedBy">Keyring path, fingerprints or an inline key, as written; null: apt's trusted keys.</param>
/// <param name="Options">Other options worth keeping, by deb822 field name (Check-Valid-Until and the like).</param>
internal sealed record AptSource(
    string Uri, string Suite, IReadOnlyList<string> Components, string? SignedBy, IReadOnlyDictionary<string, string> Options)
{
    private static readonly string[] s_codenames =
    [
        "buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid",
        "oldoldstable", "oldstable", "stable", "testing", "unstable",
    ];

    /// <summary>
    /// How much this looks like the archive of Debian itself: zero is no. Other vendors also name their suites after Debian's
    /// releases, so a keyring of the archive and the customary path count more than the suite.
    /// </summary>
    public int DebianLikeness
    {
        get
        {
            if (!s_codenames.Contains(Suite, StringComparer.Ordinal) || !Components.Contains("main", StringComparer.Ordinal)) return 0;
            int score = 1;
            if (Uri.TrimEnd('/').EndsWith("/debian", StringComparison.Ordinal)) score += 2;
            if (SignedBy is null) score += 1;
            else if (SignedBy.Contains("debian-archive", StringComparison.Ordinal)) score += 4;
            return score;
        }
    }

    /// <summary>True if this looks like Debian's security updates, which have an address of their own.</summary>
    public bool IsDebianSecurity => (Suite.EndsWith("-security", StringComparison.Ordinal) || Suite.EndsWith("/updates", StringComparison.Ordinal))
        && Components.Contains("main", StringComparer.Ordinal)
        && (Uri.TrimEnd('/').EndsWith("/debian-security", StringComparison.Ordinal) || (SignedBy?.Contains("debian-archive", StringComparison.Ordinal) ?? false));

    /// <summary>The deb822 stanza of the same archive for one suite and one architecture, packages index only.</summary>
    public string ToStanza(string suite, string architecture, string? defaultKeyring)
    {
        var lines = new List<string>
        {
            "Types: deb", $"URIs: {Uri}", $"Suites: {suite}", "Components: main", $"Architectures: {architecture}",
            "Targets: Packages", "Languages: none", "PDiffs: no",
        };
        lines.AddRange(Options.Select(option => $"{option.Key}: {option.Value}"));
        if ((SignedBy ?? defaultKeyring) is { } key) lines.Add($"Signed-By: {key}");
        return string.Join('\n', lines) + "\n";
    }
}
