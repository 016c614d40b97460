using System.Security.Cryptography;
using System.Text;
using Doppel.Host;

namespace Doppel.Images.Roots;

/// <summary>A layer to make.</summary>
internal sealed record LayerRequest
{
    /// <summary>The step, for people.</summary>
    public required string Step { get; init; }

    /// <summary>All that decides what comes of the step, beside the layer before it.</summary>
    public required string Identity { get; init; }

    /// <summary>The layer before it, or null for an empty disk.</summary>
    public ImageLayer? Parent { get; init; }

    /// <summary>Size of the disk.</summary>
    public required long DiskBytes { get; init; }

    /// <summary>Packages that the step brings.</summary>
    public IReadOnlyList<ImagePackage> Packages { get; init; } = [];

    /// <summary>Archives for the machine.</summary>
    public IReadOnlyList<string> Archives { get; init; } = [];

    /// <summary>Bytes of them that the machine holds in memory at once.</summary>
    public long StageBytes { get; init; }

    /// <summary>True for a step that uses the network.</summary>
    public bool HasNetwork { get; init; }

    /// <summary>What the layer is found by.</summary>
    public string Key => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"doppel layer 1\n{Parent?.Key}\n{DiskBytes}\n{Identity}")));
}

/// <summary>
/// Makes layers: gives a machine a disk that is empty or a copy of the one before, lets a step work in it, and stores the disk.
/// Thread contract: the holder of the store's lock.
/// </summary>
internal sealed class LayerMaker(StoreFiles files, Image boot, string workFolder, IProgress<ImageProgress> progress)
{
    private const long LittleSpace = 16 << 20;

    /// <summary>Makes a layer; the caller has seen that the store does not have it. The archives are gone afterwards.</summary>
    /// <param name="request">The layer.</param>
    /// <param name="tools">Archive of the machine's tools.</param>
    /// <param name="work">The step: the disk is mounted, and is taken off afterwards.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="ImageException">The step failed.</exception>
    public async Task<ImageLayer> MakeAsync(
        LayerRequest request, ReadOnlyMemory<byte> tools, Func<BuilderMachine, Task> work, CancellationToken cancellation)
    {
        string disk = Path.Combine(workFolder, "disk.raw");
        File.Delete(disk);
        try
        {
            PrepareDisk(request, disk, cancellation);
            byte[] status = await WorkAsync(request, tools, disk, work, cancellation).ConfigureAwait(false);
            progress.Report(new(ImageStep.Store, request.Step, 0, 0));
            var layer = new ImageLayer
            {
                Key = request.Key,
                Parents = request.Parent?.Chain ?? [],
                Step = request.Step,
                Disk = await Task.Run(() => files.Disks.Store(disk, cancellation), cancellation).ConfigureAwait(false),
                PackageStatus = await files.Blobs.WriteAsync(status, cancellation).ConfigureAwait(false),
                Packages = [.. request.Parent?.Packages ?? [], .. request.Packages],
            };
            await files.WriteLayerAsync(layer, cancellation).ConfigureAwait(false);
            return layer;
        }
        catch (ImageException e) when (Remedy(e, request) is { } remedy)
        {
            throw new ImageException($"{e.Message}\n{remedy}", e);
        }
        finally
        {
            File.Delete(disk);
            foreach (string archive in request.Archives) File.Delete(archive);
        }
    }

    // The guest only sees that its disk fails; that the host has no room for what it writes is for the host to tell.
    private string? Remedy(ImageException e, LayerRequest request)
    {
        if (new DriveInfo(workFolder).AvailableFreeSpace < LittleSpace)
            return $"The host's storage at {workFolder} is full: make room, for instance with `doppel image prune`, or choose another folder with DOPPEL_CACHE.";
        return e.Message.Contains("No space left on device", StringComparison.Ordinal)
            ? $"The image's disk of {request.DiskBytes >> 20} MiB is full: give it a larger one with --size, or with a line SIZE." : null;
    }

    private void PrepareDisk(LayerRequest request, string disk, CancellationToken cancellation)
    {
        if (request.Parent is not { } parent)
        {
            SparseFile.Create(disk, request.DiskBytes);
            return;
        }
        if (!files.Disks.Verify(parent.Disk, cancellation)) throw new DamagedDiskException(parent.Disk);
        files.Disks.CopyTo(parent.Disk, disk, cancellation);
        if (request.DiskBytes == parent.Disk.Size) return;
        using FileStream file = new(disk, FileMode.Open, FileAccess.Write);
        file.SetLength(request.DiskBytes);
    }

    private async Task<byte[]> WorkAsync(
        LayerRequest request, ReadOnlyMemory<byte> tools, string disk, Func<BuilderMachine, Task> work, CancellationToken cancellation)
    {
        progress.Report(new(ImageStep.Boot, request.Step, 0, 0));
        BuilderMachine machine = await BuilderMachine.StartAsync(new BuilderSetup
        {
            Boot = boot,
            Tools = tools,
            Disk = disk,
            Archives = request.Archives,
            StageBytes = request.StageBytes,
            HasNetwork = request.HasNetwork,
        }, cancellation).ConfigureAwait(false);
        await using (machine.ConfigureAwait(false))
        {
            if (request.Parent is null) await machine.DoAsync("making the file system", static _ => { }, cancellation, "format").ConfigureAwait(false);
            await machine.DoAsync("mounting the disk", static _ => { }, cancellation, "mount").ConfigureAwait(false);
            await work(machine).ConfigureAwait(false);
            byte[] status = await machine.ReadAsync("status", cancellation).ConfigureAwait(false);
            await machine.FinishAsync(cancellation).ConfigureAwait(false);
            return status;
        }
    }
}

/// <summary>A cached disk is not what was stored.</summary>
internal sealed class DamagedDiskException(RootDisk disk) : IOException($"the cached disk {disk.Digest} is damaged")
{
    /// <summary>The disk.</summary>
    public RootDisk Disk { get; } = disk;
}
