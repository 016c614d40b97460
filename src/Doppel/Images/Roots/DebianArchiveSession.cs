using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Doppel.Images.Apt;

namespace Doppel.Images.Roots;

/// <summary>Packages that apt has chosen: what to do with them, in order, and what they are.</summary>
internal sealed record PackageChoice(IReadOnlyList<AptOperation> Operations, IReadOnlyList<AptPackage> Packages);

/// <summary>
/// Debian's archive for one build: chosen, and its index brought up to date, when the first package is asked for. What apt has chosen once it would
/// choose again from the same index, and is not asked. Thread contract: one caller, the holder of the store's lock.
/// </summary>
/// <param name="archive">The archive, or null for that of the host's apt.</param>
/// <param name="folder">Folder of the index, the downloads and the choices.</param>
/// <param name="progress">Gets the steps.</param>
internal sealed class DebianArchiveSession(AptArchive? archive, string folder, IProgress<ImageProgress> progress)
{
    private const string Architecture = "riscv64";

    private AptTools? _tools;
    private AptRepository? _repository;
    private AptArchive? _archive;

    /// <summary>Reads packages.</summary>
    public DebianArchive Archives => new(Tools.DpkgDeb);

    private AptTools Tools => _tools ??= AptTools.Find() ?? throw new ImageException(
        "root disks are made from Debian packages through apt, and this host has no apt (apt-get, apt-cache, apt-helper, dpkg-deb); "
        + "bring a root of your own with `doppel image import FILE`");

    /// <summary>Text of the guest's file of sources: where this host gets packages from, as far as a guest can reach it.</summary>
    public async Task<string> GuestSourcesAsync(CancellationToken cancellation) =>
        (await ArchiveAsync(cancellation).ConfigureAwait(false)).ToGuestSources(DebianImage.Suite);

    /// <summary>Has apt choose packages.</summary>
    /// <param name="names">Names or patterns.</param>
    /// <param name="status">The status file of the system that they are for.</param>
    /// <param name="recommends">True to take what they recommend too.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="ImageException">They cannot be had, or not together.</exception>
    public async Task<PackageChoice> ChooseAsync(IReadOnlyList<string> names, string status, bool recommends, CancellationToken cancellation)
    {
        AptRepository repository = await OpenAsync(cancellation).ConfigureAwait(false);
        string memory = MemoryOf(repository, names, status, recommends);
        if (Recall(memory) is { } known) return known;
        repository.WriteStatus(status);
        progress.Report(new(ImageStep.Index, "choosing packages", 0, 0));
        IReadOnlyList<AptOperation> operations = await repository.PlanAsync(names, recommends, cancellation).ConfigureAwait(false);
        string[] chosen = [.. operations.Where(static o => o.IsUnpack).Select(static o => $"{o.Package}={o.Version}")];
        var choice = new PackageChoice(operations, chosen.Length == 0 ? [] : await repository.ShowAsync(chosen, cancellation).ConfigureAwait(false));
        await File.WriteAllTextAsync(memory, JsonSerializer.Serialize(choice, ImageJson.Default.PackageChoice), cancellation).ConfigureAwait(false);
        return choice;
    }

    /// <summary>Removes what the next build need not find: downloads and caches.</summary>
    public void Clear() => _repository?.Clear();

    /// <summary>Downloads packages and has apt verify them; paths in the same order.</summary>
    public async Task<IReadOnlyList<string>> DownloadAsync(IReadOnlyList<AptPackage> packages, CancellationToken cancellation)
    {
        AptRepository repository = await OpenAsync(cancellation).ConfigureAwait(false);
        long total = packages.Sum(static p => p.Size);
        return await repository.DownloadAsync(packages, (package, bytes) => progress.Report(new(ImageStep.Download, package.Name, bytes, total)), cancellation)
            .ConfigureAwait(false);
    }

    private async Task<AptArchive> ArchiveAsync(CancellationToken cancellation) =>
        _archive ??= archive ?? await DebianImage.ChooseArchiveAsync(Tools, cancellation).ConfigureAwait(false);

    private async Task<AptRepository> OpenAsync(CancellationToken cancellation)
    {
        if (_repository is { } open) return open;
        AptArchive chosen = await ArchiveAsync(cancellation).ConfigureAwait(false);
        var repository = AptRepository.Create(
            Tools, folder, chosen.Release.ToStanza(DebianImage.Suite, Architecture, AptTools.ArchiveKeyring), Architecture);
        const int Parts = 1000;
        progress.Report(new(ImageStep.Index, DebianImage.Suite, 0, Parts));
        await repository.UpdateAsync(part => progress.Report(new(ImageStep.Index, DebianImage.Suite, (long)(part * Parts), Parts)), cancellation).ConfigureAwait(false);
        return _repository = repository;
    }

    // Choices from another index are of no use any more.
    private string MemoryOf(AptRepository repository, IReadOnlyList<string> names, string status, bool recommends)
    {
        string index = repository.IndexDigest()[..16], choices = Directory.CreateDirectory(Path.Combine(folder, "choices")).FullName;
        foreach (string old in Directory.EnumerateFiles(choices).Where(f => !Path.GetFileName(f).StartsWith(index, StringComparison.Ordinal))) File.Delete(old);
        byte[] question = SHA256.HashData(Encoding.UTF8.GetBytes($"{recommends}\n{string.Join(' ', names)}\n{status}"));
        return Path.Combine(choices, $"{index}-{Convert.ToHexStringLower(question)}.json");
    }

    private static PackageChoice? Recall(string memory)
    {
        try
        {
            PackageChoice? choice = File.Exists(memory) ? JsonSerializer.Deserialize(File.ReadAllText(memory), ImageJson.Default.PackageChoice) : null;
            return choice is { Operations: not null, Packages: not null } ? choice : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
