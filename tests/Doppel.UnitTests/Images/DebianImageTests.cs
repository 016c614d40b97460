using Doppel.Images;
using Doppel.Images.Apt;

namespace Doppel.UnitTests.Images;

/// <summary>The host's real apt against an archive of the test's own: no network.</summary>
public sealed class DebianImageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeArchive _archive = FakeDebian.Publish();

    public void Dispose()
    {
        _folder.Dispose();
        _archive.Dispose();
    }

    [Fact]
    public async Task Pull_FromASignedArchive_AssemblesTheImage()
    {
        Image image = await Store().PullAsync("debian");

        Assert.Equal(FakeDebian.Kernel("6.12.1-1"), await File.ReadAllBytesAsync(image.KernelPath));
        Dictionary<string, CpioEntry> files = CpioReader.Read(await File.ReadAllBytesAsync(image.InitrdPath)).ToDictionary(entry => entry.Path, StringComparer.Ordinal);
        Assert.Equal("ID=debian\n", files["usr/lib/os-release"].Text);
        Assert.Equal("busybox", files["usr/bin/sh"].Text);
        Assert.Equal("busybox", files["usr/bin/poweroff"].Text);
        Assert.Equal((5u, 1u), files["dev/console"].Device);
        Assert.Contains("kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko\n", files["usr/lib/modules/6.12.1-riscv64/modules.dep"].Text, StringComparison.Ordinal);
        Assert.Contains("alias fs-ext4 ext4\n", files["usr/lib/modules/6.12.1-riscv64/modules.alias"].Text, StringComparison.Ordinal);
        Assert.DoesNotContain(files.Keys, path => path.Contains("unused", StringComparison.Ordinal));
        Assert.Equal(["linux-image-6.12.1-riscv64", "busybox-static", "base-files"], image.Manifest.Packages.Select(package => package.Name));
    }

    [Fact]
    public async Task Pull_ReportsTheStepsInOrder()
    {
        var log = new ProgressLog();
        await Store().PullAsync("debian", log);

        Assert.Equal([ImageStep.Index, ImageStep.Download, ImageStep.Unpack, ImageStep.Assemble, ImageStep.Done],
            log.Entries.Select(entry => entry.Step).Distinct());
        ImageProgress last = log.Entries.Last(entry => entry.Step == ImageStep.Download);
        Assert.Equal((1.0, last.Total), (last.Fraction, last.Completed));
    }

    [Fact]
    public async Task Pull_Twice_GivesTheSameBytes()
    {
        Image first = await Store("one").PullAsync("debian");
        Image second = await Store("two").PullAsync("debian");

        Assert.Equal(first.Manifest.Initrd, second.Manifest.Initrd);
        Assert.Equal(first.Manifest.Kernel, second.Manifest.Kernel);
    }

    [Fact]
    public async Task Pull_WhenNothingIsNew_DownloadsNothing()
    {
        Image first = await Store().PullAsync("debian");
        var log = new ProgressLog();
        Image second = await Store().PullAsync("debian", log);

        Assert.Equal(first.Manifest.ToJson(), second.Manifest.ToJson());
        Assert.DoesNotContain(log.Entries, entry => entry.Step == ImageStep.Download);
    }

    [Fact]
    public async Task Pull_WhenThereIsANewKernel_TakesIt()
    {
        await Store().PullAsync("debian");
        FakeDebian.AddKernel(_archive, "6.12.2-1");
        _archive.Publish();

        Image image = await Store().PullAsync("debian");
        Assert.Equal("6.12.2-1", image.Manifest.Packages[0].Version);
        Assert.Equal(FakeDebian.Kernel("6.12.2-1"), await File.ReadAllBytesAsync(image.KernelPath));
    }

    [Fact]
    public async Task Pull_OfAPackageThatWasTamperedWith_IsRefused()
    {
        byte[] package = await File.ReadAllBytesAsync(_archive.Pool("busybox-static"));
        package[^1] ^= 1;
        await File.WriteAllBytesAsync(_archive.Pool("busybox-static"), package);

        await RefusedAsync(_archive.Source(), "Hash Sum mismatch");
    }

    [Fact]
    public async Task Pull_FromAnIndexThatWasTamperedWith_IsRefused()
    {
        string index = Path.Combine(_archive.Root, "dists", "trixie", "main", "binary-riscv64", "Packages");
        await File.WriteAllTextAsync(index, (await File.ReadAllTextAsync(index)).Replace("13", "14", StringComparison.Ordinal));

        await RefusedAsync(_archive.Source(), "Hash Sum mismatch");
    }

    [Fact]
    public async Task Pull_FromAnArchiveSignedByAnotherKey_IsRefused() =>
        await RefusedAsync(_archive.Source(key: _archive.NewKey("stranger")), "NO_PUBKEY");

    [Fact]
    public async Task Pull_FromAnArchiveWithoutASignature_IsRefused()
    {
        _archive.Publish(signer: null);

        await RefusedAsync(_archive.Source(), "not signed");
    }

    [Fact]
    public async Task Pull_FromAnArchiveThatLacksAPackage_NamesIt()
    {
        _archive.Remove("busybox-static");
        _archive.Publish();

        await RefusedAsync(_archive.Source(), "busybox-static");
    }

    [Fact]
    public async Task Pull_FromAnArchiveThatIsNotThere_SaysSo() =>
        await RefusedAsync(_archive.Source("file:" + _folder["nowhere"]), "--kernel FILE --initrd FILE");

    [Fact]
    public async Task Pull_ThatIsCancelledHalfWay_GoesOnWhereItStopped()
    {
        using var server = new RangeServer(_archive.Root) { StallAfter = 300_000 };
        using var cancel = new CancellationTokenSource();
        var log = new ProgressLog();
        Task<Image> first = Store(source: _archive.Source(server.Uri)).PullAsync("debian", log, cancel.Token);
        await server.Stalled;
        await log.Arrived.Task;
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);

        server.StallAfter = long.MaxValue;
        Image image = await Store(source: _archive.Source(server.Uri)).PullAsync("debian");
        Assert.Equal(FakeDebian.Kernel("6.12.1-1"), await File.ReadAllBytesAsync(image.KernelPath));
        Assert.InRange(Assert.Single(server.Resumed), 1, 400_000);
    }

    private async Task RefusedAsync(AptArchive source, string reason)
    {
        ImageStore store = Store(source: source);

        ImageException error = await Assert.ThrowsAsync<ImageException>(() => store.PullAsync("debian"));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Empty(store.List());
    }

    private ImageStore Store(string name = "store", AptArchive? source = null) =>
        new(_folder[name], [new DebianImage(source ?? _archive.Source())], TimeProvider.System);
}
