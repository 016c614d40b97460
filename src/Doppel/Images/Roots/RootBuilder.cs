using Doppel.Images.Apt;

namespace Doppel.Images.Roots;

/// <summary>
/// Makes root disks: does the steps of a recipe, each on a copy of the disk before it, unless a layer of it is there already.
/// Thread contract: one caller, the holder of the store's lock.
/// </summary>
internal sealed class RootBuilder
{
    private readonly StoreFiles _files;
    private readonly string _workFolder;
    private readonly IProgress<ImageProgress> _progress;
    private readonly DebianArchiveSession _debian;
    private readonly LayerMaker _layers;
    private readonly PackageSteps _packages;

    /// <summary>Prepares a build.</summary>
    /// <param name="files">The store.</param>
    /// <param name="boot">The image that the machine boots.</param>
    /// <param name="archive">Debian's archive, or null for that of the host's apt.</param>
    /// <param name="workFolder">A folder for files on the way.</param>
    /// <param name="progress">Gets the steps.</param>
    public RootBuilder(StoreFiles files, Image boot, AptArchive? archive, string workFolder, IProgress<ImageProgress> progress)
    {
        _files = files;
        _workFolder = workFolder;
        _progress = progress;
        _debian = new DebianArchiveSession(archive, files.AptFolder, progress);
        _layers = new LayerMaker(files, boot, workFolder, progress);
        _packages = new PackageSteps(files, _debian, _layers, (workFolder, progress));
    }

    /// <summary>Makes the disk of a recipe. A cached disk that is damaged is removed, and made again.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="from">The last layer of the image that it begins with; null where it begins with Debian or an archive.</param>
    /// <param name="environment">Gets the variables that the recipe sets.</param>
    /// <param name="cancellation">Stops it; layers that are finished stay.</param>
    /// <exception cref="ImageException">A step failed.</exception>
    public async Task<ImageLayer> BuildAsync(RootRecipe recipe, ImageLayer? from, IDictionary<string, string> environment, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                ImageLayer layer = await DoStepsAsync(recipe, from, environment, cancellation).ConfigureAwait(false);
                bool isSound = await Task.Run(() => _files.Disks.Verify(layer.Disk, cancellation), cancellation).ConfigureAwait(false);
                if (!isSound) throw new DamagedDiskException(layer.Disk);
                _debian.Clear();
                return layer;
            }
            catch (DamagedDiskException e) when (e.Disk != from?.Disk)
            {
                _files.Disks.Remove(e.Disk);
            }
            catch (DamagedDiskException e)
            {
                throw new ImageException($"the disk of image {recipe.From} is damaged; remove it with `doppel image rm {recipe.From}`, and make it again", e);
            }
        }
    }

    private async Task<ImageLayer> DoStepsAsync(RootRecipe recipe, ImageLayer? from, IDictionary<string, string> environment, CancellationToken cancellation)
    {
        ImageLayer layer = await BeginAsync(recipe, from, cancellation).ConfigureAwait(false);
        foreach (RootStep step in recipe.Steps)
        {
            try
            {
                layer = step switch
                {
                    PackagesStep packages => await _packages.InstallAsync(layer, packages, cancellation).ConfigureAwait(false),
                    CopyStep copy => await CopyAsync(layer, copy, cancellation).ConfigureAwait(false),
                    RunStep run => await RunAsync(layer, run, environment, cancellation).ConfigureAwait(false),
                    EnvStep env => Set(layer, env, environment),
                    _ => throw new ArgumentException($"the step {step.Line} is of no known kind", nameof(recipe)),
                };
            }
            catch (AptException e)
            {
                throw new ImageException($"{PackageSteps.Prefix(step)}{step.Line}: {e.Message}", e);
            }
        }
        return layer;
    }

    private async Task<ImageLayer> BeginAsync(RootRecipe recipe, ImageLayer? from, CancellationToken cancellation)
    {
        long size = recipe.DiskBytes ?? from?.Disk.Size ?? RootRecipe.DefaultDiskBytes;
        if (from is not null) return await GrowAsync(from, size, cancellation).ConfigureAwait(false);
        if (recipe.Archive is { } archive) return await ImportAsync(archive, size, cancellation).ConfigureAwait(false);
        try
        {
            return await _packages.BaseAsync(size, recipe.Steps.OfType<PackagesStep>(), cancellation).ConfigureAwait(false);
        }
        catch (AptException e)
        {
            throw new ImageException($"Debian's packages cannot be had: {e.Message}", e);
        }
    }

    private static ImageLayer Set(ImageLayer layer, EnvStep step, IDictionary<string, string> environment)
    {
        environment[step.Variable] = step.Value;
        return layer;
    }

    private async Task<ImageLayer> GrowAsync(ImageLayer parent, long size, CancellationToken cancellation)
    {
        if (size == parent.Disk.Size) return parent;
        if (size < parent.Disk.Size)
            throw new ImageException($"a disk of {size} bytes is smaller than the one it begins with, which has {parent.Disk.Size}; a disk can grow only");
        LayerRequest request = new() { Step = "SIZE", Identity = "grow", Parent = parent, DiskBytes = size };
        return _files.FindLayer(request.Key) ?? await MakeAsync(request, machine =>
            machine.DoAsync("growing the file system", static _ => { }, cancellation, "grow"), cancellation).ConfigureAwait(false);
    }

    private async Task<ImageLayer> ImportAsync(string archive, long size, CancellationToken cancellation)
    {
        string plain = Path.Combine(_workFolder, "import.tar"), name = Path.GetFileName(archive);
        long packed = new FileInfo(archive) is { Exists: true } file ? file.Length : 0;
        string digest = await RootArchive.UnpackAsync(archive, plain, bytes => _progress.Report(new(ImageStep.Unpack, name, bytes, packed)), cancellation)
            .ConfigureAwait(false);
        LayerRequest request = new() { Step = $"IMPORT {name}", Identity = $"import\n{digest}", DiskBytes = size, Archives = [plain] };
        return _files.FindLayer(request.Key) ?? await MakeAsync(request, async machine =>
        {
            await UnpackAsync(machine, plain, name, cancellation).ConfigureAwait(false);
            await machine.DoAsync("preparing the root", static _ => { }, cancellation, "enter").ConfigureAwait(false);
        }, cancellation).ConfigureAwait(false);
    }

    private async Task<ImageLayer> CopyAsync(ImageLayer parent, CopyStep step, CancellationToken cancellation)
    {
        string archive = Path.Combine(_workFolder, "copy.tar");
        (string digest, _) = await HostTreeArchive.PackAsync(step, archive, cancellation).ConfigureAwait(false);
        LayerRequest request = new() { Step = step.Line, Identity = $"copy\n{digest}", Parent = parent, DiskBytes = parent.Disk.Size, Archives = [archive] };
        return _files.FindLayer(request.Key)
            ?? await MakeAsync(request, machine =>
                // What is there already, folders and links to folders, stays as it is.
                UnpackAsync(machine, archive, step.Line, cancellation, "--no-overwrite-dir", "--keep-directory-symlink"), cancellation).ConfigureAwait(false);
    }

    private async Task<ImageLayer> RunAsync(ImageLayer parent, RunStep step, IDictionary<string, string> environment, CancellationToken cancellation)
    {
        string[] variables = [.. environment.OrderBy(static v => v.Key, StringComparer.Ordinal).Select(static v => $"{v.Key}={v.Value}")];
        LayerRequest request = new()
        {
            Step = step.Line,
            Identity = $"run\n{string.Join('\0', variables)}\n{step.Command}",
            Parent = parent,
            DiskBytes = parent.Disk.Size,
            HasNetwork = true,
        };
        return _files.FindLayer(request.Key) ?? await MakeAsync(request, async machine =>
        {
            await machine.DoAsync("preparing the root", static _ => { }, cancellation, "enter").ConfigureAwait(false);
            await machine.DoAsync($"{PackageSteps.Prefix(step)}{step.Line}", line => _progress.Report(new(ImageStep.Run, line, 0, 0)), cancellation,
                ["run", step.Command, .. variables]).ConfigureAwait(false);
        }, cancellation).ConfigureAwait(false);
    }

    private Task UnpackAsync(BuilderMachine machine, string archive, string what, CancellationToken cancellation, params IReadOnlyList<string> options)
    {
        long total = new FileInfo(archive).Length;
        return machine.UnpackAsync($"unpacking {what}", bytes => _progress.Report(new(ImageStep.Write, what, bytes, total)), cancellation,
            ["unpack", BuilderMachine.DeviceOf(0), .. options]);
    }

    private async Task<ImageLayer> MakeAsync(LayerRequest request, Func<BuilderMachine, Task> work, CancellationToken cancellation)
    {
        byte[] tools = await _packages.ToolsAsync([], [], cancellation).ConfigureAwait(false);
        return await _layers.MakeAsync(request, tools, work, cancellation).ConfigureAwait(false);
    }
}
