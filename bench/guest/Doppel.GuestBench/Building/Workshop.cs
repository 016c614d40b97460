using System.Security.Cryptography;
using Doppel.Images;
using Doppel.Images.Apt;
using Doppel.Images.Archives;

namespace Doppel.GuestBench.Building;

/// <summary>What all engines run: the same kernel, initial file system and disk, and for the host a folder of the same programs.</summary>
/// <param name="Kernel">Path of the kernel.</param>
/// <param name="Initrd">Path of the initial file system.</param>
/// <param name="Disk">Path of the disk image.</param>
/// <param name="NativeRoot">Root folder with the programs of the host's own instruction set; null if it was not asked for.</param>
/// <param name="Description">Release and kernel, for people.</param>
internal sealed record GuestMaterial(string Kernel, string Initrd, string Disk, string? NativeRoot, string Description);

/// <summary>Puts the guest together below one folder and keeps it for the next run. Nothing here needs root.</summary>
/// <param name="sources">The folder of the suite's own files, <c>bench/guest</c>.</param>
/// <param name="work">The folder for what is made.</param>
internal sealed class Workshop(string sources, string work)
{
    private const string DiskSize = "768M";
    private const int KeyBits = 4096;

    /// <summary>Makes what is missing or out of date.</summary>
    /// <exception cref="BenchException">A tool is missing, or the archive cannot be reached.</exception>
    public async Task<GuestMaterial> PrepareAsync(bool withNative, CancellationToken cancellation)
    {
        try
        {
            Directory.CreateDirectory(work);
            Image image = await ImageStore.OpenDefault().GetAsync(ImageStore.DefaultImage, progress: null, cancellation).ConfigureAwait(false);
            AptTools tools = AptTools.Find() ?? throw new BenchException("the suite is made of Debian packages, and this host has no apt");
            AptSource source = (await DebianImage.ChooseArchiveAsync(tools, cancellation).ConfigureAwait(false)).Release;
            string key = await KeyAsync(cancellation).ConfigureAwait(false);
            RootFolder guest = await FillAsync(GuestPlatform.RiscV, tools, source, key, cancellation).ConfigureAwait(false);
            string disk = await DiskAsync(guest, cancellation).ConfigureAwait(false);
            RootFolder? native = withNative
                ? await FillAsync(GuestPlatform.Host, tools, source, key, cancellation).ConfigureAwait(false)
                : null;
            return new GuestMaterial(image.KernelPath, await InitrdAsync(image, cancellation).ConfigureAwait(false), disk, native?.Root,
                image.Manifest.Description);
        }
        catch (Exception e) when (e is AptException or ImageException)
        {
            throw new BenchException(e.Message);
        }
    }

    private async Task<RootFolder> FillAsync(
        GuestPlatform platform, AptTools tools, AptSource source, string key, CancellationToken cancellation)
    {
        var folder = new RootFolder(work, platform);
        await folder.InstallPackagesAsync(tools, source, cancellation).ConfigureAwait(false);
        await folder.AddOwnFilesAsync(sources, key, cancellation).ConfigureAwait(false);
        return folder;
    }

    // The same key for all engines and runs: a signature is then the same everywhere, and so is the work to make it.
    private async Task<string> KeyAsync(CancellationToken cancellation)
    {
        string file = Path.Combine(work, "key.pem");
        if (!File.Exists(file))
        {
            using var key = RSA.Create(KeyBits);
            await File.WriteAllTextAsync(file, key.ExportPkcs8PrivateKeyPem() + "\n", cancellation).ConfigureAwait(false);
        }
        return await File.ReadAllTextAsync(file, cancellation).ConfigureAwait(false);
    }

    private async Task<string> DiskAsync(RootFolder root, CancellationToken cancellation)
    {
        string disk = Path.Combine(work, "disk.img"), stamp = disk + ".digest", digest = root.OwnDigest();
        if (File.Exists(disk) && File.Exists(stamp) && await File.ReadAllTextAsync(stamp, cancellation).ConfigureAwait(false) == digest) return disk;
        File.Delete(disk);
        await HostProcess.RunAsync(HostTools.Need("mke2fs"), ["-q", "-t", "ext4", "-E", "root_owner=0:0", "-d", root.Root, disk, DiskSize],
            cancellation).ConfigureAwait(false);
        await File.WriteAllTextAsync(stamp, digest, cancellation).ConfigureAwait(false);
        return disk;
    }

    /// <summary>The image's own initial file system, its drivers among it, with the suite's first process in a second archive.</summary>
    private async Task<string> InitrdAsync(Image image, CancellationToken cancellation)
    {
        var own = new CpioArchive();
        own.AddDirectory("bench");
        own.AddFile("bench/init", await File.ReadAllBytesAsync(Path.Combine(sources, "system", "init"), cancellation).ConfigureAwait(false), 0x1ED);
        string path = Path.Combine(work, "initrd");
        await using FileStream file = File.Create(path);
        await file.WriteAsync(await File.ReadAllBytesAsync(image.InitrdPath, cancellation).ConfigureAwait(false), cancellation).ConfigureAwait(false);
        // The kernel takes archives one after the other, each at a multiple of four bytes.
        while (file.Position % 4 != 0) file.WriteByte(0);
        await file.WriteAsync(own.ToArray(), cancellation).ConfigureAwait(false);
        return path;
    }
}
