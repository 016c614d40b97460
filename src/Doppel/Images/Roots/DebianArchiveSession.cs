using Doppel.Images.Apt;

namespace Doppel.Images.Roots;

/// <summary>Packages that apt has chosen: what to do with them, in order, and what they are.</summary>
internal sealed record PackageChoice(IReadOnlyList<AptOperation> Operations, IReadOnlyList<AptPackage> Packages);

/// <summary>Debian's archive for one build: chosen, and its index fetched, when the first package is asked for. Thread contract: one caller.</summary>
internal sealed class DebianArchiveSession(AptSource? source, string workFolder, IProgress<ImageProgress> progress)
{
    private const string Architecture = "riscv64";

    private AptTools? _tools;
    private AptRepository? _repository;
    private AptSource? _source;

    /// <summary>Reads packages.</summary>
    public DebianArchive Archives => new(Tools.DpkgDeb);

    private AptTools Tools => _tools ??= AptTools.Find() ?? throw new ImageException(
        "root disks are made from Debian packages through apt, and this host has no apt (apt-get, apt-cache, apt-helper, dpkg-deb); "
        + "bring a root of your own with `doppel image import FILE`");

    /// <summary>Text of the guest's file of sources: where this host gets packages from, as far as a guest can reach it.</summary>
    public async Task<string> GuestSourcesAsync(CancellationToken cancellation)
    {
        AptSource source = await SourceAsync(cancellation).ConfigureAwait(false);
        return source.Uri.StartsWith("http", StringComparison.Ordinal)
            ? $"Types: deb\nURIs: {source.Uri}\nSuites: {DebianImage.Suite}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
            : "";
    }

    /// <summary>Has apt choose packages.</summary>
    /// <param name="names">Names or patterns.</param>
    /// <param name="status">The status file of the system that they are for.</param>
    /// <param name="recommends">True to take what they recommend too.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="ImageException">They cannot be had, or not together.</exception>
    public async Task<PackageChoice> ChooseAsync(IReadOnlyList<string> names, string status, bool recommends, CancellationToken cancellation)
    {
        AptRepository repository = await OpenAsync(cancellation).ConfigureAwait(false);
        repository.WriteStatus(status);
        progress.Report(new(ImageStep.Index, "choosing packages", 0, 0));
        IReadOnlyList<AptOperation> operations = await repository.PlanAsync(names, recommends, cancellation).ConfigureAwait(false);
        string[] chosen = [.. operations.Where(static o => o.IsUnpack).Select(static o => o.Package)];
        return new PackageChoice(operations, chosen.Length == 0 ? [] : await repository.ShowAsync(chosen, cancellation).ConfigureAwait(false));
    }

    /// <summary>Downloads packages and has apt verify them; paths in the same order.</summary>
    public async Task<IReadOnlyList<string>> DownloadAsync(IReadOnlyList<AptPackage> packages, CancellationToken cancellation)
    {
        AptRepository repository = await OpenAsync(cancellation).ConfigureAwait(false);
        long total = packages.Sum(static p => p.Size);
        return await repository.DownloadAsync(packages, (package, bytes) => progress.Report(new(ImageStep.Download, package.Name, bytes, total)), cancellation)
            .ConfigureAwait(false);
    }

    private async Task<AptSource> SourceAsync(CancellationToken cancellation) =>
        _source ??= source ?? await DebianImage.ChooseSourceAsync(Tools, cancellation).ConfigureAwait(false);

    private async Task<AptRepository> OpenAsync(CancellationToken cancellation)
    {
        if (_repository is { } open) return open;
        AptSource chosen = await SourceAsync(cancellation).ConfigureAwait(false);
        var repository = AptRepository.Create(
            Tools, Path.Combine(workFolder, "apt"), chosen.ToStanza(DebianImage.Suite, Architecture, AptTools.ArchiveKeyring), Architecture);
        const int Parts = 1000;
        progress.Report(new(ImageStep.Index, DebianImage.Suite, 0, Parts));
        await repository.UpdateAsync(part => progress.Report(new(ImageStep.Index, DebianImage.Suite, (long)(part * Parts), Parts)), cancellation).ConfigureAwait(false);
        return _repository = repository;
    }
}
