using System.Text;
using Doppel.Host;
using Doppel.Images;

namespace Doppel.UnitTests.Images;

/// <summary>Root disks and layers in a store: found if they are whole, kept as long as an image needs them.</summary>
public sealed class StoreFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ImageStore _store;
    private readonly StoreFiles _files;

    public StoreFilesTests()
    {
        _store = new ImageStore(_folder.Path, [new FakeRecipe()], TimeProvider.System);
        _files = new StoreFiles(_folder.Path);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Remove_OfAnImage_TakesItsDisksAndLayersAndNoOthers()
    {
        ImageLayer shared = await LayerAsync('a'), own = await LayerAsync('b'), other = await LayerAsync('c');
        await ImageAsync("one", shared, own);
        await ImageAsync("two", shared, other);

        Assert.True(await _store.RemoveAsync("one"));
        Assert.Equal(["two"], _store.List().Select(static i => i.Manifest.Name));
        Assert.True(_files.Disks.Has(shared.Disk) && _files.Disks.Has(other.Disk));
        Assert.False(_files.Disks.Has(own.Disk));
        Assert.Null(_files.FindLayer(own.Key));
        Assert.Equal(shared.Disk, _files.FindLayer(shared.Key)?.Disk);
        Assert.True(await _store.RemoveAsync("two"));
        Assert.Empty(Directory.EnumerateFiles(_folder["disks"]));
        Assert.Empty(Directory.EnumerateFiles(_folder["layers"]));
    }

    [Fact]
    public async Task Pull_OfAnotherImage_LeavesDisksAndLayers()
    {
        ImageLayer layer = await LayerAsync('a');
        await ImageAsync("one", layer);
        await _store.PullAsync("fake");

        Assert.NotNull(_store.Find("one")?.DiskPath);
        Assert.NotNull(_files.FindLayer(layer.Key));
    }

    [Fact]
    public async Task Find_WithoutTheDiskOrWithAShorterOne_IsNothing()
    {
        ImageLayer layer = await LayerAsync('a');
        await ImageAsync("one", layer);
        File.SetUnixFileMode(_files.Disks.PathOf(layer.Disk), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        SparseFile.Create(_files.Disks.PathOf(layer.Disk), 4096);

        Assert.Null(_store.Find("one"));
        Assert.Null(_files.FindLayer(layer.Key));
    }

    [Fact]
    public async Task Verify_OfADiskThatWasWrittenTo_IsFalse()
    {
        ImageLayer layer = await LayerAsync('a');
        await ImageAsync("one", layer);
        Image image = _store.Find("one")!;
        Assert.True(await _store.VerifyAsync(image));
        Assert.Throws<UnauthorizedAccessException>(() => ThrowIfWritable(image.DiskPath!));
        File.SetUnixFileMode(image.DiskPath!, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using (FileStream disk = File.OpenWrite(image.DiskPath!)) disk.WriteByte((byte)'b');

        Assert.False(await _store.VerifyAsync(image));
    }

    [Fact]
    public async Task Overlay_OfARootDisk_HasItsContentAndLeavesItAlone()
    {
        await ImageAsync("one", await LayerAsync('a'));
        Image image = _store.Find("one")!;
        DiskConfig overlay = image.CreateOverlay(_folder["overlay"]);

        Assert.Contains("backing file format: raw", Tool.Run("qemu-img", "info", overlay.Path), StringComparison.Ordinal);
        Assert.Contains("Images are identical", Tool.Run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", overlay.Path, image.DiskPath!), StringComparison.Ordinal);
        Assert.Throws<ImageException>(() => image.CreateOverlay(_folder["overlay"]));
    }

    [Theory]
    [InlineData("fake", "the name of an image of Doppel's own")]
    [InlineData("../x", "is no name of an image")]
    public async Task Build_UnderANameThatIsNotFree_IsRefused(string name, string reason)
    {
        ImageException e = await Assert.ThrowsAsync<ImageException>(() => _store.BuildAsync(new RootRecipe { Name = name }));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Manifest_OfAnEarlierVersion_IsRead()
    {
        Image image = await _store.PullAsync("fake");
        string json = image.Manifest.ToJson();
        string[] newer = ["\"recipe\"", "\"disk\"", "\"steps\"", "\"layers\"", "\"environment\""];
        string old = string.Join('\n', json.Split('\n').Where(l => !newer.Any(l.Contains))).Replace("],\n}", "]\n}", StringComparison.Ordinal);

        ImageManifest? read = ImageManifest.TryParse(old);
        Assert.Equal(json, read?.ToJson());
    }

    // Root may write to everything, so the mode is what tells.
    private static void ThrowIfWritable(string path)
    {
        if ((File.GetUnixFileMode(path) & (UnixFileMode.UserWrite | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) == 0) throw new UnauthorizedAccessException();
    }

    private async Task<ImageLayer> LayerAsync(char mark)
    {
        string path = _folder["new"];
        SparseFile.Create(path, 4 << 20);
        using (FileStream disk = File.OpenWrite(path)) disk.WriteByte((byte)mark);
        ImageLayer layer = new()
        {
            Key = new string(mark, 64),
            Parents = [],
            Step = "FROM debian",
            Disk = _files.Disks.Store(path, default),
            PackageStatus = await WriteAsync($"Package: {mark}\n"),
            Packages = [],
        };
        await _files.WriteLayerAsync(layer, default);
        return layer;
    }

    private Task<ImageBlob> WriteAsync(string text) => _files.Blobs.WriteAsync(Encoding.UTF8.GetBytes(text), default);

    private async Task ImageAsync(string name, params ImageLayer[] layers)
    {
        ImageManifest manifest = new()
        {
            Name = name,
            Description = "a disk",
            Architecture = "riscv64",
            Created = DateTimeOffset.UnixEpoch,
            Kernel = await WriteAsync("kernel"),
            Initrd = await WriteAsync("initrd"),
            CommandLine = "root=/dev/vda",
            GuestFiles = "",
            Packages = [],
            Disk = layers[^1].Disk,
            Layers = [.. layers.Select(static l => l.Key)],
        };
        Directory.CreateDirectory(_folder["images"]);
        await File.WriteAllTextAsync(_folder[$"images/{name}.json"], manifest.ToJson());
    }
}
