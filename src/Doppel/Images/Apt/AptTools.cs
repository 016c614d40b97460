namespace Doppel.Images.Apt;

/// <summary>The host's apt: where its programs are and which archives it is configured for. Thread contract: immutable.</summary>
internal sealed class AptTools
{
    private const string KeyringFolder = "/usr/share/keyrings";

    private AptTools(string aptGet, string aptCache, string aptConfig, string aptHelper, string dpkgDeb)
    {
        AptGet = aptGet;
        AptCache = aptCache;
        AptConfig = aptConfig;
        AptHelper = aptHelper;
        DpkgDeb = dpkgDeb;
    }

    public string AptGet { get; }

    public string AptCache { get; }

    public string AptConfig { get; }

    public string AptHelper { get; }

    public string DpkgDeb { get; }

    /// <summary>A keyring of the Debian archive that the host has, or null. It is needed where a source names none.</summary>
    public static string? ArchiveKeyring => ((ReadOnlySpan<string>)["debian-archive-keyring.pgp", "debian-archive-keyring.gpg"])
        .ToArray().Select(name => Path.Combine(KeyringFolder, name)).FirstOrDefault(File.Exists);

    /// <summary>Finds apt, or returns null where a part of it is missing.</summary>
    public static AptTools? Find()
    {
        const string Helper = "/usr/lib/apt/apt-helper";
        return HostProcess.Find("apt-get") is { } get && HostProcess.Find("apt-cache") is { } cache
            && HostProcess.Find("apt-config") is { } config && HostProcess.Find("dpkg-deb") is { } dpkg && File.Exists(Helper)
            ? new AptTools(get, cache, config, Helper, dpkg)
            : null;
    }

    /// <summary>All archives that the host's configuration enables.</summary>
    public async Task<IReadOnlyList<AptSource>> ReadSourcesAsync(CancellationToken cancellation)
    {
        string shell = await HostProcess.RunAsync(AptConfig,
            ["shell", "list", "Dir::Etc::sourcelist/f", "parts", "Dir::Etc::sourceparts/d"], cancellation).ConfigureAwait(false);
        Dictionary<string, string> places = shell.Split('\n').Select(line => line.Split('=', 2)).Where(pair => pair.Length == 2)
            .ToDictionary(pair => pair[0], pair => pair[1].Trim().Trim('\''), StringComparer.Ordinal);
        var files = new List<string>();
        if (places.GetValueOrDefault("list") is { } list && File.Exists(list)) files.Add(list);
        if (places.GetValueOrDefault("parts") is { } parts && Directory.Exists(parts))
            files.AddRange(Directory.EnumerateFiles(parts).Order(StringComparer.Ordinal));
        var sources = new List<AptSource>();
        foreach (string file in files)
        {
            if (file.EndsWith(".list", StringComparison.Ordinal)) sources.AddRange(AptSourceParser.ParseOneLine(Read(file)));
            else if (file.EndsWith(".sources", StringComparison.Ordinal)) sources.AddRange(AptSourceParser.ParseDeb822(Read(file)));
        }
        return sources;
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (UnauthorizedAccessException)
        {
            // A file only root may read holds credentials of another archive; apt will skip it for this user too.
            return "";
        }
    }
}
