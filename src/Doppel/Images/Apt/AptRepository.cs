using System.Globalization;
using System.Security.Cryptography;

namespace Doppel.Images.Apt;

/// <summary>A package as the signed index describes it.</summary>
/// <param name="Name">Package name.</param>
/// <param name="Version">Version.</param>
/// <param name="Depends">The Depends field, as written.</param>
/// <param name="Sha256">SHA-256 of the file, lower-case hexadecimal.</param>
/// <param name="Size">Size of the file in bytes.</param>
/// <param name="UnpackedSize">Size of what is in it, in bytes, as its maker estimates; zero if it does not say.</param>
internal sealed record AptPackage(string Name, string Version, string Depends, string Sha256, long Size, long UnpackedSize)
{
    /// <summary>The Pre-Depends field, as written.</summary>
    public string PreDepends { get; init; } = "";
}

/// <summary>One thing that apt would have dpkg do.</summary>
/// <param name="IsUnpack">True to unpack the package, false to configure it.</param>
/// <param name="Package">Name of the package.</param>
/// <param name="Version">Its version.</param>
internal readonly record struct AptOperation(bool IsUnpack, string Package, string Version);

/// <summary>
/// A foreign Debian archive behind the host's apt, with lists, downloads and status in a private folder: the host's mirrors, proxies,
/// credentials and keyrings are used, its package state is neither read nor touched.
/// Thread contract: one caller at a time; the folder belongs to one process at a time.
/// </summary>
internal sealed class AptRepository
{
    private const string UpdateProgressPrefix = "dlstatus:";
    private const int PackagesPerCall = 64;
    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(100);
    private readonly AptTools _tools;
    private readonly string _folder;
    private readonly string _configuration;

    private AptRepository(AptTools tools, string folder)
    {
        _tools = tools;
        _folder = folder;
        _configuration = Path.Combine(folder, "apt.conf");
    }

    private string Archives => Path.Combine(_folder, "archives");

    /// <summary>Writes the private configuration.</summary>
    /// <param name="tools">The host's apt.</param>
    /// <param name="folder">Private folder; created if need be, and kept for the next try.</param>
    /// <param name="sources">Content of the sources file, deb822 format.</param>
    /// <param name="architecture">Debian architecture.</param>
    public static AptRepository Create(AptTools tools, string folder, string sources, string architecture)
    {
        var repository = new AptRepository(tools, folder);
        foreach (string sub in (ReadOnlySpan<string>)["lists/partial", "archives/partial", "log"])
            Directory.CreateDirectory(Path.Combine(folder, sub));
        File.WriteAllText(Path.Combine(folder, "status"), "");
        File.WriteAllText(Path.Combine(folder, "debian.sources"), sources);
        File.WriteAllText(repository._configuration, AptConfiguration.Private(folder, architecture));
        return repository;
    }

    /// <summary>Fetches the signed index; <paramref name="progress"/> gets the part done, 0 to 1.</summary>
    /// <exception cref="AptException">The archive cannot be reached or its signature is not good.</exception>
    public Task UpdateAsync(Action<double> progress, CancellationToken cancellation) =>
        // What the index says is read when it is needed, which it is not where nothing has changed.
        HostProcess.RunAsync(_tools.AptGet, ["-c", _configuration, "-q=2", "-o", "APT::Status-Fd=1", "-o",
            "APT::Update::Error-Mode=any", "-o", "pkgCacheFile::Generate=false", "update"], reader => FollowAsync(reader, progress, cancellation), cancellation);

    /// <summary>Digest of the signed index: of the files that name the digests of all others.</summary>
    public string IndexDigest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in Directory.EnumerateFiles(Path.Combine(_folder, "lists"), "*Release*").Order(StringComparer.Ordinal))
            hash.AppendData(File.ReadAllBytes(file));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Looks packages up in the index, in the order asked for.</summary>
    /// <param name="names">Names; with <c>=VERSION</c> where the newest is not meant.</param>
    /// <param name="cancellation">Stops apt.</param>
    /// <exception cref="AptException">A package is not in the index.</exception>
    public async Task<IReadOnlyList<AptPackage>> ShowAsync(IReadOnlyList<string> names, CancellationToken cancellation)
    {
        string text = await HostProcess.RunAsync(_tools.AptCache,
            ["-c", _configuration, "show", "--no-all-versions", .. names], cancellation).ConfigureAwait(false);
        var found = Deb822.Parse(text).Where(s => s.ContainsKey("Package") && s.ContainsKey("SHA256"))
            .DistinctBy(s => s["Package"]).ToDictionary(s => s["Package"], StringComparer.Ordinal);
        return [.. names.Select(name => found.TryGetValue(name.Split('=')[0], out Dictionary<string, string>? stanza)
            ? ToPackage(stanza)
            : throw new AptException($"the archive has no package {name}"))];
    }

    /// <summary>Says which packages are installed already: dpkg's status file of the system that packages are chosen for.</summary>
    public void WriteStatus(string status) => File.WriteAllText(Path.Combine(_folder, "status"), status);

    /// <summary>What apt would do, in its order, to install packages with all they need.</summary>
    /// <param name="names">Names of packages, or patterns of apt.</param>
    /// <param name="recommends">True to install also what they recommend.</param>
    /// <param name="cancellation">Stops apt.</param>
    /// <exception cref="AptException">There is no such package, or not all of them can be installed together.</exception>
    public async Task<IReadOnlyList<AptOperation>> PlanAsync(IReadOnlyList<string> names, bool recommends, CancellationToken cancellation)
    {
        string text = "";
        try
        {
            await HostProcess.RunAsync(_tools.AptGet, ["-c", _configuration, "-q=1", "--simulate", "--no-remove", "-o",
                $"APT::Install-Recommends={(recommends ? "true" : "false")}", "install", .. names],
                async reader => text = await reader.ReadToEndAsync(cancellation).ConfigureAwait(false), cancellation).ConfigureAwait(false);
        }
        catch (AptException e)
        {
            // What cannot be installed together apt says on its standard output, behind a paragraph of advice.
            int unmet = text.IndexOf("The following packages have unmet dependencies", StringComparison.Ordinal);
            throw unmet < 0 ? e : new AptException($"{text[unmet..].Trim()}\n{e.Message}", e);
        }
        return [.. text.Split('\n').Select(static line => line.Split(' ')).Where(static words => words is ["Inst" or "Conf", _, ..]).Select(Operation)];
    }

    /// <summary>Downloads packages, or takes what an earlier try has left, and has apt check them against the signed index.</summary>
    /// <param name="packages">Packages out of <see cref="ShowAsync"/>.</param>
    /// <param name="progress">Gets the package that is on its way and the bytes of all packages that are there.</param>
    /// <param name="cancellation">Stops the download; what is there is kept.</param>
    /// <returns>Paths of the files, in the same order.</returns>
    public async Task<IReadOnlyList<string>> DownloadAsync(
        IReadOnlyList<AptPackage> packages, Action<AptPackage, long> progress, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, string> uris = await LocateAsync(packages, cancellation).ConfigureAwait(false);
        // One call for many: each would connect anew.
        foreach (AptPackage[] part in packages.Where(package => !File.Exists(FileOf(package))).Chunk(PackagesPerCall))
            await DownloadAsync(part, uris, () => Report(packages, progress), cancellation).ConfigureAwait(false);
        Report(packages, progress);
        return [.. packages.Select(FileOf)];
    }

    /// <summary>Removes downloads, and what apt can compute again; the index stays, so that only what is new of it need be fetched.</summary>
    public void Clear()
    {
        foreach (string file in (IEnumerable<string>)[.. Directory.EnumerateFiles(Archives, "*.deb"), .. Directory.EnumerateFiles(_folder, "*pkgcache.bin*")])
            File.Delete(file);
    }

    // "Inst name (version archive [arch])", "Inst name [old version] (version ...)", "Conf name (...)"; a shared name is written with its architecture.
    private static AptOperation Operation(string[] words) => new(words[0] == "Inst", words[1].Split(':')[0],
        words.FirstOrDefault(static w => w.StartsWith('('))?.Trim('(', ')') ?? "");

    private string FileOf(AptPackage package) => Path.Combine(Archives, package.Sha256 + ".deb");

    private string PartialOf(AptPackage package) => Path.Combine(Archives, "partial", package.Sha256 + ".deb");

    private async Task DownloadAsync(
        AptPackage[] packages, IReadOnlyDictionary<string, string> uris, Action report, CancellationToken cancellation)
    {
        // download-file takes a partial file up where it ends, which "apt-get download" does not, and checks the digest at the end.
        Task download = HostProcess.RunAsync(_tools.AptHelper, ["-c", _configuration, "-q=2", "download-file",
            .. packages.SelectMany(package => (string[])[uris[package.Sha256], PartialOf(package), "SHA256:" + package.Sha256])], cancellation);
        while (await Task.WhenAny(download, Task.Delay(s_pollInterval, cancellation)).ConfigureAwait(false) != download
            && !cancellation.IsCancellationRequested) report();
        await download.ConfigureAwait(false);
        foreach (AptPackage package in packages) File.Move(PartialOf(package), FileOf(package));
    }

    // The package on its way is the last one of which something is there.
    private void Report(IReadOnlyList<AptPackage> packages, Action<AptPackage, long> progress)
    {
        AptPackage current = packages[0];
        long bytes = 0;
        foreach (AptPackage package in packages)
        {
            var partial = new FileInfo(PartialOf(package));
            long there = File.Exists(FileOf(package)) ? package.Size : partial.Exists ? Math.Min(partial.Length, package.Size) : 0;
            if (there > 0) current = package;
            bytes += there;
        }
        progress(current, bytes);
    }

    private async Task<IReadOnlyDictionary<string, string>> LocateAsync(
        IReadOnlyList<AptPackage> packages, CancellationToken cancellation)
    {
        string text = await HostProcess.RunAsync(_tools.AptGet, ["-c", _configuration, "-q=2", "--print-uris", "download",
            .. packages.Select(package => $"{package.Name}={package.Version}")], cancellation).ConfigureAwait(false);
        var uris = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in text.Split('\n'))
        {
            // 'uri' file size SHA256:digest
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 4 && words[3].StartsWith("SHA256:", StringComparison.Ordinal))
                uris[words[3]["SHA256:".Length..]] = words[0].Trim('\'');
        }
        foreach (AptPackage package in packages)
        {
            if (!uris.ContainsKey(package.Sha256)) throw new AptException($"apt does not say where {package.Name} {package.Version} is");
        }
        return uris;
    }

    private static AptPackage ToPackage(Dictionary<string, string> stanza) => new(
        stanza["Package"],
        stanza.GetValueOrDefault("Version", ""),
        stanza.GetValueOrDefault("Depends", ""),
        stanza["SHA256"],
        Number(stanza, "Size"),
        // Installed-Size counts in units of 1024 bytes (deb-control(5)).
        Number(stanza, "Installed-Size") * 1024)
    {
        PreDepends = stanza.GetValueOrDefault("Pre-Depends", ""),
    };

    private static long Number(Dictionary<string, string> stanza, string field) =>
        long.TryParse(stanza.GetValueOrDefault(field), NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : 0;

    private static async Task FollowAsync(StreamReader reader, Action<double> progress, CancellationToken cancellation)
    {
        while (await reader.ReadLineAsync(cancellation).ConfigureAwait(false) is { } line)
        {
            // dlstatus:item:percent:text
            if (line.StartsWith(UpdateProgressPrefix, StringComparison.Ordinal) && line.Split(':') is [_, _, var percent, ..]
                && double.TryParse(percent, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
                progress(Math.Clamp(value / 100, 0, 1));
        }
    }
}
