using System.Security.Cryptography;
using System.Text;
using Doppel.Images.Apt;
using Doppel.Images.Archives;
using Doppel.Images.Linux;

namespace Doppel.Images;

/// <summary>
/// The image <c>debian</c>: kernel, modules and BusyBox of Debian 13 for riscv64, unmodified, fetched and verified by the host's apt.
/// </summary>
internal sealed class DebianImage : IImageRecipe
{
    public const string ImageName = "debian";

    /// <summary>
    /// Boots fast and loses nothing a guest would miss: the kernel's log goes to the serial port, from its first line on; its ciphers
    /// are not tested against known answers; and the entropy source that measures jitter, which takes a third of the whole boot to
    /// judge itself, is left out, because the machine has a virtio entropy device and hands over a seed.
    /// </summary>
    public const string CommandLine = "console=ttyS0 earlycon=sbi cryptomgr.notests initcall_blacklist=jent_mod_init";

    private const string Architecture = "riscv64";
    internal const string Suite = "trixie";
    private const string KernelPackage = "linux-image-riscv64";
    private const string BusyBoxPackage = "busybox-static";
    private const string BasePackage = "base-files";
    private const string MirrorVariable = "DOPPEL_DEBIAN_MIRROR";
    private const string ModuleRoot = "usr/lib/modules/";

    /// <summary>
    /// The drivers of the devices that a board can have, and the file systems one mounts from them. Init loads those whose device
    /// is there, the kernel asks for the others by alias when they are needed.
    /// </summary>
    private static readonly string[] s_modules =
    [
        "virtio_mmio", "virtio_blk", "virtio-rng", "virtio_balloon", "virtio_net", "virtio_console", "virtiofs", "9p", "9pnet_virtio",
        "vmw_vsock_virtio_transport", "ext4", "crc32c_generic", "overlay",
    ];

    /// <summary>Tells a cached image that was put together otherwise: with other modules, for one.</summary>
    private static string RecipeDigest => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(' ', s_modules))));

    private readonly AptArchive? _archive;

    /// <summary>The image from the archive that the host's apt is configured for.</summary>
    public DebianImage()
    {
    }

    /// <summary>The image from a given archive.</summary>
    public DebianImage(AptArchive archive) => _archive = archive;

    public string Name => ImageName;

    public async Task<ImageContent?> BuildAsync(
        string workFolder, ImageManifest? current, IProgress<ImageProgress> progress, CancellationToken cancellation)
    {
        try
        {
            AptTools tools = AptTools.Find() ?? throw new ImageException(
                "image debian is made from Debian packages through apt, and this host has no apt (apt-get, apt-cache, apt-helper, "
                + "dpkg-deb); give a kernel and an initial file system of your own instead: --kernel FILE --initrd FILE");
            AptArchive archive = _archive ?? await ChooseArchiveAsync(tools, cancellation).ConfigureAwait(false);
            var repository = AptRepository.Create(
                tools, workFolder, archive.Release.ToStanza(Suite, Architecture, AptTools.ArchiveKeyring), Architecture);
            IReadOnlyList<AptPackage> packages = await ResolveAsync(repository, progress, cancellation).ConfigureAwait(false);
            IReadOnlyList<ImagePackage> made = [.. packages.Select(p => new ImagePackage(p.Name, p.Version, p.Sha256, p.Size))];
            if (current is not null && current.Packages.SequenceEqual(made) && current.GuestFiles == GuestFiles.Digest()
                && current.CommandLine == CommandLine && current.Recipe == RecipeDigest)
                return null;
            long total = packages.Sum(package => package.Size);
            IReadOnlyList<string> files = await repository.DownloadAsync(packages, (package, bytes) =>
                progress.Report(new(ImageStep.Download, package.Name, bytes, total)), cancellation).ConfigureAwait(false);
            var content = await UnpackAsync(tools, packages, files, progress, cancellation).ConfigureAwait(false);
            progress.Report(new(ImageStep.Assemble, ImageName, 0, 0));
            return Assemble(content, made);
        }
        catch (AptException e)
        {
            throw new ImageException($"image debian cannot be pulled: {e.Message}\n"
                + "(another kernel and initial file system can be booted with --kernel FILE --initrd FILE)", e);
        }
        catch (InvalidDataException e)
        {
            throw new ImageException($"image debian cannot be made of Debian's packages: {e.Message}", e);
        }
    }

    internal static async Task<AptArchive> ChooseArchiveAsync(AptTools tools, CancellationToken cancellation)
    {
        string? mirror = Environment.GetEnvironmentVariable(MirrorVariable);
        if (!string.IsNullOrEmpty(mirror)) return new AptArchive(new AptSource(mirror, Suite, ["main"], null, new Dictionary<string, string>(StringComparer.Ordinal)));
        return AptArchive.Choose(await tools.ReadSourcesAsync(cancellation).ConfigureAwait(false)) ?? throw new ImageException(
            "image debian is made from Debian packages, and apt on this host is not configured for an archive of Debian; set "
            + $"{MirrorVariable} to the address of one (and install debian-archive-keyring, so that apt can verify it), or give "
            + "--kernel FILE --initrd FILE");
    }

    private static async Task<IReadOnlyList<AptPackage>> ResolveAsync(
        AptRepository repository, IProgress<ImageProgress> progress, CancellationToken cancellation)
    {
        const int Parts = 1000;
        progress.Report(new(ImageStep.Index, Suite, 0, Parts));
        await repository.UpdateAsync(part => progress.Report(new(ImageStep.Index, Suite, (long)(part * Parts), Parts)), cancellation)
            .ConfigureAwait(false);
        IReadOnlyList<AptPackage> named = await repository.ShowAsync([KernelPackage, BusyBoxPackage, BasePackage], cancellation)
            .ConfigureAwait(false);
        // The kernel package is empty and depends on the one of the current version: "linux-image-6.12.… (= version)".
        string kernel = named[0].Depends.Split(',', '|').Select(dependency => dependency.Trim().Split(' ')[0])
            .FirstOrDefault(name => name.StartsWith("linux-image-", StringComparison.Ordinal))
            ?? throw new AptException($"package {KernelPackage} does not say which kernel it stands for");
        IReadOnlyList<AptPackage> versioned = await repository.ShowAsync([kernel], cancellation).ConfigureAwait(false);
        return [versioned[0], named[1], named[2]];
    }

    private static async Task<Dictionary<string, byte[]>> UnpackAsync(
        AptTools tools, IReadOnlyList<AptPackage> packages, IReadOnlyList<string> files, IProgress<ImageProgress> progress,
        CancellationToken cancellation)
    {
        var content = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach ((AptPackage package, string file) in packages.Zip(files))
        {
            IReadOnlyDictionary<string, byte[]> part = await DebianPackageFile.ReadAsync(tools.DpkgDeb, file, IsWanted,
                bytes => progress.Report(new(ImageStep.Unpack, package.Name, bytes, package.UnpackedSize)), cancellation).ConfigureAwait(false);
            foreach ((string path, byte[] bytes) in part) content[path] = bytes;
        }
        return content;
    }

    private static bool IsWanted(string path) =>
        path.StartsWith("boot/vmlinu", StringComparison.Ordinal) || path is "usr/bin/busybox" or "usr/lib/os-release" or "etc/debian_version"
        || (path.StartsWith(ModuleRoot, StringComparison.Ordinal)
            && (path.Contains(".ko", StringComparison.Ordinal) || path.EndsWith("/modules.builtin", StringComparison.Ordinal)));

    private static ImageContent Assemble(Dictionary<string, byte[]> content, IReadOnlyList<ImagePackage> packages)
    {
        string kernelPath = content.Keys.Where(path => path.StartsWith("boot/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .FirstOrDefault() ?? throw new InvalidDataException("the kernel package holds no kernel");
        string builtinPath = content.Keys.FirstOrDefault(path => path.EndsWith("/modules.builtin", StringComparison.Ordinal))
            ?? throw new InvalidDataException("the kernel package holds no list of built-in modules");
        string modulesPath = builtinPath[..(builtinPath.LastIndexOf('/') + 1)];
        var tree = new ModuleTree(Encoding.UTF8.GetString(content[builtinPath]));
        foreach ((string path, byte[] bytes) in content.Where(file => file.Key.StartsWith(modulesPath + "kernel/", StringComparison.Ordinal)))
            tree.Add(path[modulesPath.Length..], bytes);

        var archive = new CpioArchive();
        AddFolders(archive);
        AddBusyBox(archive, Needed(content, "usr/bin/busybox"));
        archive.AddFile("usr/lib/os-release", Needed(content, "usr/lib/os-release"));
        archive.AddFile("etc/debian_version", Needed(content, "etc/debian_version"));
        archive.AddSymlink("etc/os-release", "../usr/lib/os-release");
        AddModules(archive, modulesPath, tree.Closure(s_modules), content[builtinPath]);
        GuestFiles.AddTo(archive);
        string version = modulesPath[ModuleRoot.Length..].TrimEnd('/');
        return new ImageContent($"Debian 13 ({Suite}), Linux {version}, BusyBox", Architecture,
            KernelImage.ToImage(content[kernelPath]), archive.ToArray(), CommandLine, packages)
        {
            Recipe = RecipeDigest,
        };
    }

    private static byte[] Needed(Dictionary<string, byte[]> content, string path) =>
        content.GetValueOrDefault(path) ?? throw new InvalidDataException($"/{path} is in none of the packages");

    private static void AddFolders(CpioArchive archive)
    {
        foreach (string folder in (ReadOnlySpan<string>)["dev", "mnt", "proc", "run", "sys", "usr/bin", "usr/lib/modules", "var/log"])
            archive.AddDirectory(folder);
        archive.AddDirectory("root", 0x1C0);
        archive.AddDirectory("tmp", 0x3FF);
        archive.AddSymlink("bin", "usr/bin");
        archive.AddSymlink("lib", "usr/lib");
        archive.AddSymlink("sbin", "usr/bin");
        archive.AddSymlink("usr/sbin", "bin");
        archive.AddSymlink("var/run", "/run");
        // The kernel opens the console before init has mounted anything.
        archive.AddCharacterDevice("dev/console", 5, 1, 0x180);
    }

    private static void AddBusyBox(CpioArchive archive, byte[] program)
    {
        archive.AddFile("usr/bin/busybox", program, 0x1ED);
        foreach (string applet in BusyBox.Applets(program))
        {
            if (applet != "busybox") archive.AddSymlink("usr/bin/" + applet, "busybox");
        }
    }

    private static void AddModules(CpioArchive archive, string modulesPath, IReadOnlyList<LoadedModule> modules, byte[] builtin)
    {
        foreach (LoadedModule module in modules) archive.AddFile(modulesPath + module.Path, module.Elf);
        archive.AddFile(modulesPath + "modules.dep", Encoding.UTF8.GetBytes(ModuleTree.DependencyTable(modules)));
        archive.AddFile(modulesPath + "modules.alias", Encoding.UTF8.GetBytes(ModuleTree.AliasTable(modules)));
        archive.AddFile(modulesPath + "modules.builtin", builtin);
    }
}
