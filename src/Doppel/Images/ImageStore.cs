using System.Text;
using Doppel.Images.Apt;
using Doppel.Images.Roots;

namespace Doppel.Images;

/// <summary>
/// The images on this host: pulled on first use, kept in a cache folder, shared by all processes of a user.
/// <code>
/// images/NAME.json         what the image is made of; replaced in one step
/// blobs/sha256/DIGEST      kernels and initial file systems, named by their content
/// work/NAME/               downloads of a pull that is under way or was stopped
/// tmp/                     files being written
/// disks/DIGEST.raw         root disks, named by their content
/// layers/KEY.json          root disks on the way, each after one step of a recipe
/// apt/                     index of the archive for root disks, and downloads of a build that is under way or was stopped
/// tools.json               what the machine that makes root disks needs
/// lock                     held by the process that changes any of this
/// </code>
/// Thread contract: all members from any thread and from several processes at once.
/// </summary>
public sealed class ImageStore
{
    /// <summary>Name of the image that is used where none is named.</summary>
    public const string DefaultImage = DebianImage.ImageName;

    private readonly StoreFiles _files;
    private readonly BlobFolder _blobs;
    private readonly AptArchive? _archive;
    private readonly IReadOnlyList<IImageRecipe> _recipes;
    private readonly TimeProvider _time;

    /// <summary>Opens the store in a folder, which is made when something is stored.</summary>
    /// <param name="root">The folder.</param>
    public ImageStore(string root)
        : this(root, [new DebianImage()], TimeProvider.System)
    {
    }

    internal ImageStore(string root, IReadOnlyList<IImageRecipe> recipes, TimeProvider time, AptArchive? archive = null)
    {
        Root = Path.GetFullPath(root);
        _files = new StoreFiles(Root);
        _blobs = _files.Blobs;
        _archive = archive;
        _recipes = recipes;
        _time = time;
    }

    /// <summary>Folder of the store.</summary>
    public string Root { get; }

    /// <summary>Names of the images that can be pulled.</summary>
    public IReadOnlyList<string> Available => [.. _recipes.Select(recipe => recipe.Name)];

    private string Manifests => Path.Combine(Root, "images");

    /// <summary>Opens the user's store: <c>$DOPPEL_CACHE</c>, else <c>$XDG_CACHE_HOME/doppel</c>, else <c>~/.cache/doppel</c>.</summary>
    /// <exception cref="ImageException">None of these is set.</exception>
    public static ImageStore OpenDefault()
    {
        string? own = Environment.GetEnvironmentVariable("DOPPEL_CACHE");
        if (!string.IsNullOrEmpty(own)) return new ImageStore(own);
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (!string.IsNullOrEmpty(cache) && Path.IsPathRooted(cache)) return new ImageStore(Path.Combine(cache, "doppel"));
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        if (string.IsNullOrEmpty(home))
            throw new ImageException("no folder for the image cache: HOME is not set; set DOPPEL_CACHE to a folder of yours");
        return new ImageStore(Path.Combine(home, ".cache", "doppel"));
    }

    /// <summary>True if an image may have this name: letters, digits, <c>-</c>, <c>_</c> and <c>.</c>, and no <c>.</c> at the start.</summary>
    /// <param name="name">The name.</param>
    public static bool IsName(string name) =>
        !string.IsNullOrEmpty(name) && name[0] != '.' && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    /// <summary>The images the store has, by name. One that is damaged is left out.</summary>
    public IReadOnlyList<Image> List() => [.. Names().Select(Find).OfType<Image>()];

    /// <summary>Finds an image, or null if it was not pulled, or is damaged in a way that shows without reading it all.</summary>
    /// <param name="name">Name of the image.</param>
    public Image? Find(string name)
    {
        if (ReadManifest(name) is not { } manifest) return null;
        return _blobs.Has(manifest.Kernel) && _blobs.Has(manifest.Initrd) && (manifest.Disk is null || _files.Disks.Has(manifest.Disk))
            ? new Image(manifest, _blobs.PathOf(manifest.Kernel), _blobs.PathOf(manifest.Initrd), manifest.Disk is { } disk ? _files.Disks.PathOf(disk) : null)
            : null;
    }

    /// <summary>Reads the files of an image and compares them with their digests.</summary>
    /// <returns>True if they are what was stored.</returns>
    public async Task<bool> VerifyAsync(Image image, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        return await _blobs.VerifyAsync(image.Manifest.Kernel, cancellation).ConfigureAwait(false)
            && await _blobs.VerifyAsync(image.Manifest.Initrd, cancellation).ConfigureAwait(false)
            && (image.Manifest.Disk is not { } disk || await Task.Run(() => _files.Disks.Verify(disk, cancellation), cancellation).ConfigureAwait(false));
    }

    /// <summary>The image, pulled if the store does not have it.</summary>
    /// <param name="name">Name of the image.</param>
    /// <param name="progress">Gets the steps of a pull, on any thread.</param>
    /// <param name="cancellation">Stops a pull; the next one goes on from there.</param>
    /// <exception cref="ImageException">There is no image of that name, or it cannot be pulled.</exception>
    public async Task<Image> GetAsync(
        string name, IProgress<ImageProgress>? progress = null, CancellationToken cancellation = default) =>
        Find(name) ?? await PullAsync(name, refresh: false, progress, cancellation).ConfigureAwait(false);

    /// <summary>Pulls an image, or brings it up to date.</summary>
    /// <param name="name">Name of the image.</param>
    /// <param name="progress">Gets the steps, on any thread.</param>
    /// <param name="cancellation">Stops the pull; the store is left as it was, and the next pull goes on from there.</param>
    /// <exception cref="ImageException">There is no image of that name, or it cannot be pulled.</exception>
    public Task<Image> PullAsync(
        string name, IProgress<ImageProgress>? progress = null, CancellationToken cancellation = default) =>
        PullAsync(name, refresh: true, progress, cancellation);

    /// <summary>Removes an image and the files that no other image needs. A machine that runs keeps what it has open, but cannot reboot.</summary>
    /// <returns>False if the store does not have it.</returns>
    /// <exception cref="ImageException">A file cannot be deleted.</exception>
    public async Task<bool> RemoveAsync(string name, CancellationToken cancellation = default)
    {
        string file = ManifestPath(name);
        return File.Exists(file) && await ChangeAsync($"remove image {name}", static () => { }, () =>
        {
            if (!File.Exists(file)) return Task.FromResult(false);
            File.Delete(file);
            DeleteFolder(WorkFolder(name));
            Prune([]);
            return Task.FromResult(true);
        }, cancellation).ConfigureAwait(false);
    }

    /// <summary>Gives an image one more name. What it is made of is kept once; an image that has the name already is replaced.</summary>
    /// <param name="name">Name of the image.</param>
    /// <param name="newName">The other name.</param>
    /// <param name="cancellation">Gives up waiting for others that change the store.</param>
    /// <exception cref="ImageException">There is no such image on this host, or the other name cannot be given.</exception>
    public async Task TagAsync(string name, string newName, CancellationToken cancellation = default)
    {
        CheckOwnName(newName);
        await ChangeAsync($"store image {newName}", static () => { }, async () =>
        {
            Image image = Find(name) ?? throw new ImageException($"there is no image {name} on this host; `doppel image list` shows those there are");
            await WriteManifestAsync(image.Manifest with { Name = newName }, cancellation).ConfigureAwait(false);
            Prune([]);
            return true;
        }, cancellation).ConfigureAwait(false);
    }

    /// <summary>Deletes what no image needs: what pulls and builds that were stopped have left for the next try, and all downloads.</summary>
    /// <param name="cancellation">Gives up waiting for others that change the store.</param>
    /// <returns>Bytes of the host's storage that are free now.</returns>
    /// <exception cref="ImageException">A file cannot be deleted.</exception>
    public async Task<long> PruneAsync(CancellationToken cancellation = default)
    {
        if (!Directory.Exists(Root)) return 0;
        return await ChangeAsync("remove what is left over", static () => { }, () =>
        {
            long before = _files.StoredBytes();
            DeleteFolder(Path.Combine(Root, "work"));
            DeleteFolder(Path.Combine(_files.AptFolder, "archives"));
            Prune([]);
            return Task.FromResult(before - _files.StoredBytes());
        }, cancellation).ConfigureAwait(false);
    }

    /// <summary>Makes an image with a root disk. What is there of it already is not made again.</summary>
    /// <param name="recipe">What it is made of.</param>
    /// <param name="progress">Gets the steps, on any thread.</param>
    /// <param name="cancellation">Stops the build; steps that are finished stay.</param>
    /// <exception cref="ImageException">A step failed; the message says which, and ends with what the guest said.</exception>
    public async Task<Image> BuildAsync(RootRecipe recipe, IProgress<ImageProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        CheckOwnName(recipe.Name);
        IProgress<ImageProgress> listener = progress ?? new Progress<ImageProgress>();
        Image boot = await GetAsync(DefaultImage, progress, cancellation).ConfigureAwait(false);
        return await ChangeAsync($"store image {recipe.Name}", () => listener.Report(new(ImageStep.Waiting, recipe.Name, 0, 0)), async () =>
        {
            string work = WorkFolder(recipe.Name);
            Directory.CreateDirectory(work);
            var environment = new Dictionary<string, string>(StringComparer.Ordinal);
            ImageLayer? from = Origin(recipe, environment);
            ImageLayer layer = await new RootBuilder(_files, boot, _archive, work, listener).BuildAsync(recipe, from, environment, cancellation).ConfigureAwait(false);
            await PublishAsync(recipe, boot, layer, environment, cancellation).ConfigureAwait(false);
            DeleteFolder(work);
            listener.Report(new(ImageStep.Done, recipe.Name, 1, 1));
            return Find(recipe.Name) ?? throw new IOException("a file that was just written is gone or too short");
        }, cancellation).ConfigureAwait(false);
    }

    private async Task<Image> PullAsync(
        string name, bool refresh, IProgress<ImageProgress>? progress, CancellationToken cancellation)
    {
        IImageRecipe recipe = _recipes.FirstOrDefault(recipe => recipe.Name == name)
            ?? throw new ImageException(ReadManifest(name) is null ? $"there is no image '{name}' to pull; there are: {string.Join(", ", Available)}"
                : $"image {name} was made on this host; make it again the same way to bring it up to date (`doppel image inspect {name}` shows its steps)");
        IProgress<ImageProgress> listener = progress ?? new Progress<ImageProgress>();
        return await ChangeAsync($"store image {name}", () => listener.Report(new(ImageStep.Waiting, name, 0, 0)), async () =>
        {
            Image? current = Find(name);
            bool sound = current is not null && (!refresh || await VerifyAsync(current, cancellation).ConfigureAwait(false));
            // Another process may have pulled it while this one waited.
            Image image = sound && !refresh ? current! : await BuildAsync(recipe, sound ? current : null, listener, cancellation)
                .ConfigureAwait(false);
            listener.Report(new(ImageStep.Done, name, 1, 1));
            return image;
        }, cancellation).ConfigureAwait(false);
    }

    private async Task<T> ChangeAsync<T>(string what, Action waiting, Func<Task<T>> change, CancellationToken cancellation)
    {
        try
        {
            using StoreLock held = await StoreLock.TakeAsync(Root, waiting, cancellation).ConfigureAwait(false);
            return await change().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"cannot {what} in {Root}: {e.Message} (DOPPEL_CACHE chooses another folder)", e);
        }
    }

    private async Task<Image> BuildAsync(
        IImageRecipe recipe, Image? current, IProgress<ImageProgress> progress, CancellationToken cancellation)
    {
        string work = WorkFolder(recipe.Name);
        Directory.CreateDirectory(work);
        ImageContent? content = await recipe.BuildAsync(work, current?.Manifest, progress, cancellation).ConfigureAwait(false);
        if (content is not null) await PublishAsync(recipe.Name, content, current?.Manifest, cancellation).ConfigureAwait(false);
        DeleteFolder(work);
        return Find(recipe.Name) ?? throw new IOException("a file that was just written is gone or too short");
    }

    private async Task PublishAsync(string name, ImageContent content, ImageManifest? replaced, CancellationToken cancellation)
    {
        var manifest = new ImageManifest
        {
            Name = name,
            Description = content.Description,
            Architecture = content.Architecture,
            Created = _time.GetUtcNow(),
            Kernel = await _blobs.WriteAsync(content.Kernel, cancellation).ConfigureAwait(false),
            Initrd = await _blobs.WriteAsync(content.Initrd, cancellation).ConfigureAwait(false),
            CommandLine = content.CommandLine,
            GuestFiles = GuestFiles.Digest(),
            Packages = content.Packages,
            Recipe = content.Recipe,
        };
        await WriteManifestAsync(manifest, cancellation).ConfigureAwait(false);
        // A machine that is just starting may still open the files of the image that was replaced: they go with the next change.
        Prune(replaced is null ? [] : [replaced.Kernel.Sha256, replaced.Initrd.Sha256]);
    }

    private async Task PublishAsync(
        RootRecipe recipe, Image boot, ImageLayer layer, Dictionary<string, string> environment, CancellationToken cancellation)
    {
        ImageManifest? from = recipe is { Archive: null, From: { } name } && name != DefaultImage ? ReadManifest(name) : null;
        string status = await File.ReadAllTextAsync(_blobs.PathOf(layer.PackageStatus), cancellation).ConfigureAwait(false);
        var known = layer.Packages.DistinctBy(static p => (p.Name, p.Version)).ToDictionary(static p => (p.Name, p.Version));
        var manifest = new ImageManifest
        {
            Name = recipe.Name,
            Description = recipe.Archive is { } archive ? $"root of {Path.GetFileName(archive)}" : Describe(recipe),
            Architecture = boot.Manifest.Architecture,
            Created = _time.GetUtcNow(),
            Kernel = boot.Manifest.Kernel,
            Initrd = boot.Manifest.Initrd,
            CommandLine = $"{boot.Manifest.CommandLine} root=/dev/vda rw",
            GuestFiles = boot.Manifest.GuestFiles,
            Packages = [.. InstalledPackages.Parse(status).Select(p => known.GetValueOrDefault(p) ?? new ImagePackage(p.Name, p.Version, "", 0))],
            Disk = layer.Disk,
            Steps = [.. from?.Steps ?? [recipe.Archive is { } file ? $"IMPORT {Path.GetFileName(file)}" : "FROM debian"], .. recipe.Steps.Select(static s => s.Line)],
            Layers = layer.Chain,
            Environment = environment,
        };
        // The same content again is the same image, with its old date.
        if (Find(recipe.Name) is { } old && old.Manifest.ToJson() == (manifest with { Created = old.Manifest.Created }).ToJson()) return;
        await WriteManifestAsync(manifest, cancellation).ConfigureAwait(false);
        Prune([]);
    }

    private Task WriteManifestAsync(ImageManifest manifest, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Manifests);
        return _blobs.WriteFileAsync(ManifestPath(manifest.Name), Encoding.UTF8.GetBytes(manifest.ToJson()), cancellation);
    }

    private static string Describe(RootRecipe recipe)
    {
        string[] packages = [.. recipe.Steps.OfType<PackagesStep>().SelectMany(static s => s.Names)];
        string from = recipe.From == DefaultImage ? "Debian 13" : recipe.From!;
        return packages.Length > 0 ? $"{from} with {string.Join(", ", packages)}" : $"{from} on a disk";
    }

    private ImageLayer? Origin(RootRecipe recipe, Dictionary<string, string> environment)
    {
        if (recipe.Archive is not null || recipe.From is null or DefaultImage) return null;
        Image from = Find(recipe.From)
            ?? throw new ImageException($"there is no image {recipe.From} on this host to begin with; `doppel image list` shows those there are");
        if (from.Manifest.Layers is not [.., var last] || _files.FindLayer(last) is not { } layer)
            throw new ImageException($"image {recipe.From} has no root disk to begin with; begin with `FROM debian`, or with an image that was built");
        foreach ((string name, string value) in from.Manifest.Environment) environment[name] = value;
        return layer;
    }

    private void Prune(IEnumerable<string> moreBlobs) => _files.Prune([.. Names().Select(ReadManifest).OfType<ImageManifest>()], moreBlobs);

    private IEnumerable<string> Names() => Directory.Exists(Manifests)
        ? Directory.EnumerateFiles(Manifests, "*.json").Select(static file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal)
        : [];

    private ImageManifest? ReadManifest(string name)
    {
        try
        {
            return ImageManifest.TryParse(File.ReadAllText(ManifestPath(name)));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private string ManifestPath(string name) => Path.Combine(Manifests, CheckName(name) + ".json");

    private string WorkFolder(string name) => Path.Combine(Root, "work", CheckName(name));

    private void CheckOwnName(string name)
    {
        if (Available.Contains(CheckName(name), StringComparer.Ordinal)) throw new ImageException($"{name} is the name of an image of Doppel's own; take another one");
    }

    private static string CheckName(string name) => IsName(name) ? name
        : throw new ImageException($"'{name}' is no name of an image; a name has letters, digits, - _ and ., and no . at the start");

    private static void DeleteFolder(string folder)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }
}
