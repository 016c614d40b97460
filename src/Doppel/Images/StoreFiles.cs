using System.Text;
using System.Text.Json;
using Doppel.Host;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Images;

/// <summary>
/// What a store keeps beside its images: blobs, disks, the layers that disks were made in, and the tools of the machine that makes them.
/// Thread contract: reading from any thread; writing by the holder of the store's lock.
/// </summary>
internal sealed class StoreFiles(string root)
{
    public BlobFolder Blobs { get; } = new(Path.Combine(root, "blobs", "sha256"), Path.Combine(root, "tmp"));

    public DiskFolder Disks { get; } = new(Path.Combine(root, "disks"));

    private string Layers => Path.Combine(root, "layers");

    private string ToolsRecord => Path.Combine(root, "tools.json");

    /// <summary>Where apt has the index of Debian's archive, and what it has chosen.</summary>
    public string AptFolder => Path.Combine(root, "apt");

    /// <summary>A folder for one build; what a build that was stopped leaves there is found by the next one.</summary>
    public string WorkFolder(string name) => Path.Combine(root, "work", name);

    /// <summary>The layer of a key, if the store has it whole.</summary>
    public ImageLayer? FindLayer(string key)
    {
        if (!ImageManifest.IsDigest(key)) return null;
        ImageLayer? layer = Read(Path.Combine(Layers, key + ".json"), static json => JsonSerializer.Deserialize(json, ImageJson.Default.ImageLayer));
        return layer is { Disk: not null, PackageStatus: not null, Packages: not null, Parents: not null } && layer.Key == key
            && ImageManifest.IsDigest(layer.Disk.Digest) && ImageManifest.IsDigest(layer.PackageStatus.Sha256)
            && Disks.Has(layer.Disk) && Blobs.Has(layer.PackageStatus) ? layer : null;
    }

    public Task WriteLayerAsync(ImageLayer layer, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Layers);
        return WriteAsync(Path.Combine(Layers, layer.Key + ".json"), JsonSerializer.Serialize(layer, ImageJson.Readable.ImageLayer), cancellation);
    }

    /// <summary>The tools, if the store has them.</summary>
    public BuilderToolsRecord? FindTools()
    {
        BuilderToolsRecord? tools = Read(ToolsRecord, static json => JsonSerializer.Deserialize(json, ImageJson.Default.BuilderToolsRecord));
        return tools is { Packages: not null, Archive: not null } && ImageManifest.IsDigest(tools.Archive.Sha256) && Blobs.Has(tools.Archive) ? tools : null;
    }

    public Task WriteToolsAsync(BuilderToolsRecord tools, CancellationToken cancellation) =>
        WriteAsync(ToolsRecord, JsonSerializer.Serialize(tools, ImageJson.Readable.BuilderToolsRecord), cancellation);

    /// <summary>Bytes of the host's storage that all of it takes; holes do not count. The caller holds the lock, whose own file is empty.</summary>
    public long StoredBytes() => Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Where(static path => Path.GetFileName(path) != StoreLock.FileName)
        .Sum(static path =>
        {
            using SafeFileHandle file = File.OpenHandle(path);
            return SparseFile.Data(file).Sum(static stretch => stretch.Length);
        });

    /// <summary>Deletes what none of the images needs.</summary>
    public void Prune(IReadOnlyCollection<ImageManifest> images, IEnumerable<string> moreBlobs)
    {
        var keys = images.SelectMany(static i => i.Layers).ToHashSet(StringComparer.Ordinal);
        if (Directory.Exists(Layers))
        {
            foreach (string file in Directory.EnumerateFiles(Layers, "*.json").Where(f => !keys.Contains(Path.GetFileNameWithoutExtension(f)))) File.Delete(file);
        }
        ImageLayer[] layers = [.. keys.Select(FindLayer).OfType<ImageLayer>()];
        string[] tools = FindTools() is { } record ? [record.Archive.Sha256] : [];
        Blobs.Prune([.. images.SelectMany(static i => (string[])[i.Kernel.Sha256, i.Initrd.Sha256]), .. layers.Select(static l => l.PackageStatus.Sha256), .. tools, .. moreBlobs]);
        if (!images.Any(static i => i.Disk is not null) && Directory.Exists(AptFolder)) Directory.Delete(AptFolder, recursive: true);
        Disks.Prune([.. images.Select(static i => i.Disk?.Digest).OfType<string>(), .. layers.Select(static l => l.Disk.Digest)]);
    }

    private Task WriteAsync(string path, string json, CancellationToken cancellation) =>
        Blobs.WriteFileAsync(path, Encoding.UTF8.GetBytes(json + "\n"), cancellation);

    private static T? Read<T>(string path, Func<string, T?> parse)
        where T : class
    {
        try
        {
            return parse(File.ReadAllText(path));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }
}
