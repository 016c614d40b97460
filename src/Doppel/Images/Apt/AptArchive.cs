namespace Doppel.Images.Apt;

/// <summary>
/// Debian's archive as the host's apt is configured for it: a release, and, where the host takes them for itself, what is newer than it. Images are
/// made of the release alone, which changes every few months and as a whole; their own apt gets the rest. Immutable.
/// </summary>
/// <param name="Release">The release.</param>
/// <param name="Updates">Corrections between its point releases (<c>SUITE-updates</c>), or null.</param>
/// <param name="Security">Its security updates (<c>SUITE-security</c>), or null.</param>
internal sealed record AptArchive(AptSource Release, AptSource? Updates = null, AptSource? Security = null)
{
    private const string GuestKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

    /// <summary>Finds the archive among the host's sources, or null if there is none of Debian.</summary>
    public static AptArchive? Choose(IReadOnlyList<AptSource> sources)
    {
        if (sources.Where(static s => s.DebianLikeness > 0).MaxBy(static s => s.DebianLikeness) is not { } release) return null;
        AptSource? updates = sources.FirstOrDefault(s => s.Uri == release.Uri && s.Suite.EndsWith("-updates", StringComparison.Ordinal));
        return new AptArchive(release, updates, sources.FirstOrDefault(static s => s.IsDebianSecurity));
    }

    /// <summary>Text of a guest's file of sources, in deb822 format: of what is reached over the network, verified by the guest's own keyring.</summary>
    /// <param name="suite">The release.</param>
    public string ToGuestSources(string suite) => Stanza(Release, suite) + Stanza(Updates, suite + "-updates") + Stanza(Security, suite + "-security");

    private static string Stanza(AptSource? source, string suite) => source is null || !source.Uri.StartsWith("http", StringComparison.Ordinal) ? ""
        : $"Types: deb\nURIs: {source.Uri}\nSuites: {suite}\nComponents: main\nSigned-By: {GuestKeyring}\n\n";
}
