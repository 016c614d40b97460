using System.Formats.Tar;
using Doppel.Images.Apt;

namespace Doppel.Images.Roots;

/// <summary>The steps that install packages. Thread contract: one caller, the holder of the store's lock.</summary>
internal sealed class PackageSteps(
    StoreFiles files, DebianArchiveSession debian, LayerMaker layers, (string WorkFolder, IProgress<ImageProgress> Progress) build)
{
    private const string BaseFiles = "base-files";

    /// <summary>What every Debian root disk has: all that is essential, apt, and what a machine is looked after with.</summary>
    private static readonly string[] s_base = ["?essential", "apt", BaseFiles, "e2fsprogs", "iproute2", "kmod", "mount", "netbase", "procps"];

    /// <summary>Debian's essential packages on a disk of their own.</summary>
    /// <param name="diskBytes">Size of the disk.</param>
    /// <param name="later">What will be installed on it: a slip there is told before the work begins.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="AptException">apt or dpkg-deb refused.</exception>
    /// <exception cref="ImageException">The guest failed, or a package of a later step cannot be had.</exception>
    public async Task<ImageLayer> BaseAsync(long diskBytes, IEnumerable<PackagesStep> later, CancellationToken cancellation)
    {
        PackageChoice choice = await debian.ChooseAsync(s_base, "", recommends: false, cancellation).ConfigureAwait(false);
        // The base files bring the links /bin, /lib and /sbin.
        AptPackage[] packages = [.. choice.Packages.OrderBy(static p => p.Name == BaseFiles ? 0 : 1)];
        string sources = await debian.GuestSourcesAsync(cancellation).ConfigureAwait(false);
        LayerRequest request = new()
        {
            Step = "FROM debian",
            Identity = $"base\n{Convert.ToHexString(BuilderTools.ReadScript())}\n{sources}\n{DigestsOf(packages)}",
            DiskBytes = diskBytes,
            Packages = Describe(packages),
            Archives = [Path.Combine(build.WorkFolder, "base.tar")],
        };
        if (files.FindLayer(request.Key) is { } found) return found;
        foreach (PackagesStep step in later) await CheckAsync(step, cancellation).ConfigureAwait(false);
        IReadOnlyList<string> debs = await debian.DownloadAsync(packages, cancellation).ConfigureAwait(false);
        await UnpackAsync(packages, debs, request.Archives[0], cancellation).ConfigureAwait(false);
        byte[] tools = await ToolsAsync(packages, debs, cancellation).ConfigureAwait(false);
        return await layers.MakeAsync(request, tools, machine => FillAsync(machine, packages.Length, request, sources, cancellation), cancellation).ConfigureAwait(false);
    }

    /// <summary>Packages on top of a layer.</summary>
    /// <exception cref="AptException">apt or dpkg-deb refused.</exception>
    /// <exception cref="ImageException">The guest failed.</exception>
    public async Task<ImageLayer> InstallAsync(ImageLayer parent, PackagesStep step, CancellationToken cancellation)
    {
        string status = await File.ReadAllTextAsync(files.Blobs.PathOf(parent.PackageStatus), cancellation).ConfigureAwait(false);
        if (status.Length == 0)
            throw new ImageException($"{Prefix(step)}{step.Line}: the image has no dpkg, so it takes no Debian packages; install with its own means, in a RUN line");
        PackageChoice choice = await debian.ChooseAsync(step.Names, status, recommends: true, cancellation).ConfigureAwait(false);
        if (choice.Packages.Count == 0) return parent;
        var plan = InstallPlan.Create(choice, InstalledPackages.Parse(status).Select(static p => p.Name));
        LayerRequest request = new()
        {
            Step = step.Line,
            Identity = $"packages\n{Convert.ToHexString(BuilderTools.ReadScript())}\n{DigestsOf(choice.Packages)}",
            Parent = parent,
            DiskBytes = parent.Disk.Size,
            Packages = Describe(choice.Packages),
            Archives = [.. plan.Batches.Select((_, i) => Path.Combine(build.WorkFolder, $"packages-{i}.tar"))],
            StageBytes = plan.Batches.Max(static b => b.Sum(static p => p.UnpackedSize)),
        };
        if (files.FindLayer(request.Key) is { } found) return found;
        await PackAsync(choice.Packages, plan, request.Archives, cancellation).ConfigureAwait(false);
        byte[] tools = await ToolsAsync([], [], cancellation).ConfigureAwait(false);
        return await layers.MakeAsync(request, tools, machine => InstallAsync(machine, plan, choice, request, cancellation), cancellation).ConfigureAwait(false);
    }

    /// <summary>The tools of the machine; those of an earlier build, if there are any.</summary>
    /// <param name="packages">Packages that are there already.</param>
    /// <param name="debs">Their files.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task<byte[]> ToolsAsync(IReadOnlyList<AptPackage> packages, IReadOnlyList<string> debs, CancellationToken cancellation)
    {
        if (files.FindTools() is { } cached && await files.Blobs.VerifyAsync(cached.Archive, cancellation).ConfigureAwait(false))
            return await File.ReadAllBytesAsync(files.Blobs.PathOf(cached.Archive), cancellation).ConfigureAwait(false);
        var there = packages.Zip(debs).ToDictionary(static p => p.First.Name, StringComparer.Ordinal);
        if (!BuilderTools.Packages.All(there.ContainsKey))
        {
            PackageChoice choice = await debian.ChooseAsync(BuilderTools.Packages, "", recommends: false, cancellation).ConfigureAwait(false);
            AptPackage[] wanted = [.. choice.Packages.Where(static p => BuilderTools.Packages.Contains(p.Name, StringComparer.Ordinal))];
            there = wanted.Zip(await debian.DownloadAsync(wanted, cancellation).ConfigureAwait(false)).ToDictionary(static p => p.First.Name, StringComparer.Ordinal);
        }
        (AptPackage First, string Second)[] used = [.. BuilderTools.Packages.Select(name => there[name])];
        byte[] archive = await BuilderTools.MakeAsync(debian.Archives, used.Select(static u => u.Second), cancellation).ConfigureAwait(false);
        ImageBlob blob = await files.Blobs.WriteAsync(archive, cancellation).ConfigureAwait(false);
        await files.WriteToolsAsync(new BuilderToolsRecord(Describe(used.Select(static u => u.First)), blob), cancellation).ConfigureAwait(false);
        return archive;
    }

    private async Task CheckAsync(PackagesStep step, CancellationToken cancellation)
    {
        try
        {
            await debian.ChooseAsync(step.Names, "", recommends: true, cancellation).ConfigureAwait(false);
        }
        catch (AptException e)
        {
            throw new ImageException($"{Prefix(step)}{step.Line}: {e.Message}", e);
        }
    }

    private async Task UnpackAsync(AptPackage[] packages, IReadOnlyList<string> debs, string to, CancellationToken cancellation)
    {
        long total = packages.Sum(static p => p.UnpackedSize), done = 0;
        FileStream output = File.Create(to);
        await using (output.ConfigureAwait(false))
        {
            using var system = new UnpackedSystem(debian.Archives, output);
            foreach ((AptPackage package, string deb) in packages.Zip(debs))
            {
                build.Progress.Report(new(ImageStep.Unpack, package.Name, done, total));
                await system.AddAsync(deb, cancellation).ConfigureAwait(false);
                done += package.UnpackedSize;
            }
            await system.FinishAsync(cancellation).ConfigureAwait(false);
        }
    }

    private async Task FillAsync(BuilderMachine machine, int packages, LayerRequest request, string sources, CancellationToken cancellation)
    {
        long total = new FileInfo(request.Archives[0]).Length;
        await machine.UnpackAsync("unpacking Debian", bytes => build.Progress.Report(new(ImageStep.Write, "Debian", bytes, total)), cancellation,
            "unpack", BuilderMachine.DeviceOf(0)).ConfigureAwait(false);
        var meter = new DpkgMeter(build.Progress, packages);
        await machine.DoAsync("preparing Debian", static _ => { }, cancellation, "enter").ConfigureAwait(false);
        await machine.DoAsync("preparing Debian", meter.Take, cancellation, "first").ConfigureAwait(false);
        await machine.DoAsync("configuring Debian", meter.Take, cancellation, "dpkg-configure", "--pending").ConfigureAwait(false);
        await machine.DoAsync("checking Debian's packages", static _ => { }, cancellation, "check").ConfigureAwait(false);
        await machine.DoAsync("naming the machine", static _ => { }, cancellation, "name").ConfigureAwait(false);
        if (sources.Length > 0) await machine.DoAsync("setting apt up", static _ => { }, cancellation, "sources", sources).ConfigureAwait(false);
    }

    private async Task PackAsync(IReadOnlyList<AptPackage> packages, InstallPlan plan, IReadOnlyList<string> archives, CancellationToken cancellation)
    {
        IReadOnlyList<string> debs = await debian.DownloadAsync(packages, cancellation).ConfigureAwait(false);
        var places = packages.Zip(debs).ToDictionary(static p => p.First.Name, static p => p.Second, StringComparer.Ordinal);
        long total = packages.Sum(static p => p.UnpackedSize), done = 0;
        string plain = Path.Combine(build.WorkFolder, "package.deb");
        foreach ((IReadOnlyList<AptPackage> batch, string archive) in plan.Batches.Zip(archives))
        {
            FileStream output = File.Create(archive);
            await using (output.ConfigureAwait(false))
            {
                using var tar = new TarWriter(output, TarEntryFormat.Gnu);
                foreach (AptPackage package in batch)
                {
                    build.Progress.Report(new(ImageStep.Unpack, package.Name, done, total));
                    await PlainPackage.WriteAsync(debian.Archives, places[package.Name], plain, cancellation).ConfigureAwait(false);
                    await tar.WriteEntryAsync(plain, package.Name + ".deb", cancellation).ConfigureAwait(false);
                    done += package.UnpackedSize;
                }
            }
        }
        File.Delete(plain);
    }

    private async Task InstallAsync(BuilderMachine machine, InstallPlan plan, PackageChoice choice, LayerRequest request, CancellationToken cancellation)
    {
        // Each package is seen twice: unpacked and configured.
        var meter = new DpkgMeter(build.Progress, choice.Packages.Count * 2);
        await machine.DoAsync("preparing the root", static _ => { }, cancellation, "enter").ConfigureAwait(false);
        int stage = 0;
        foreach (InstallAction action in plan.Actions)
        {
            if (action.Kind == InstallActionKind.Stage)
            {
                long total = new FileInfo(request.Archives[stage]).Length;
                await machine.DoAsync("handing packages over", static _ => { }, cancellation, "unstage").ConfigureAwait(false);
                await machine.UnpackAsync("handing packages over", bytes => build.Progress.Report(new(ImageStep.Write, "packages", bytes, total)), cancellation,
                    "stage", BuilderMachine.DeviceOf(stage++)).ConfigureAwait(false);
                continue;
            }
            bool unpack = action.Kind == InstallActionKind.Unpack;
            string[] words = unpack ? ["dpkg-unpack", .. action.Packages] : action.Packages.Count > 0 ? ["dpkg-configure", .. action.Packages] : ["dpkg-configure", "--pending"];
            await machine.DoAsync(unpack ? "unpacking packages" : "configuring packages", meter.Take, cancellation, words).ConfigureAwait(false);
        }
        await machine.DoAsync("checking the packages", static _ => { }, cancellation, "check").ConfigureAwait(false);
    }

    internal static string Prefix(RootStep step) => step.Place.Length > 0 ? step.Place + ": " : "";

    private static string DigestsOf(IEnumerable<AptPackage> packages) => string.Join('\n', packages.Select(static p => $"{p.Name} {p.Sha256}"));

    private static ImagePackage[] Describe(IEnumerable<AptPackage> packages) => [.. packages.Select(static p => new ImagePackage(p.Name, p.Version, p.Sha256, p.Size))];
}

/// <summary>Follows dpkg by what it says on its status descriptor (dpkg(1), <c>--status-fd</c>).</summary>
internal sealed class DpkgMeter(IProgress<ImageProgress> progress, int steps)
{
    private int _done;

    /// <summary>Takes a line that dpkg has printed.</summary>
    public void Take(string line)
    {
        // "status: package:arch: unpacked", "... installed"
        string[] words = line.Split(' ');
        if (words is not ["status:", var package, "unpacked" or "installed"]) return;
        _done = Math.Min(_done + 1, steps);
        progress.Report(new(ImageStep.Install, package.TrimEnd(':').Split(':')[0], _done, steps));
    }
}

/// <summary>The packages of a dpkg status file.</summary>
internal static class InstalledPackages
{
    /// <summary>Name and version of what is installed.</summary>
    public static IReadOnlyList<(string Name, string Version)> Parse(string status) =>
        [.. Deb822.Parse(status).Where(static s => s.GetValueOrDefault("Status", "").EndsWith(" installed", StringComparison.Ordinal))
            .Select(static s => (s.GetValueOrDefault("Package", ""), s.GetValueOrDefault("Version", "")))];
}
