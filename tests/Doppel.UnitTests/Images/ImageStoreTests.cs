using Doppel.Images;

namespace Doppel.UnitTests.Images;

public sealed class ImageStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeRecipe _recipe = new();

    private string Root => _folder["store"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Get_OfAnImageThatIsNotThere_PullsItOnce()
    {
        Image first = await Store().GetAsync("fake");
        Image second = await Store().GetAsync("fake");

        Assert.Equal(1, _recipe.Builds);
        Assert.Equal("kernel 1", await File.ReadAllTextAsync(first.KernelPath));
        Assert.Equal("initrd 1", await File.ReadAllTextAsync(second.InitrdPath));
        Assert.Equal(first.Manifest.ToJson(), second.Manifest.ToJson());
    }

    [Fact]
    public async Task Get_FromTwoStoresAtOnce_BuildsOnceAndTheOtherWaits()
    {
        var gate = new TaskCompletionSource();
        _recipe.Gate = gate.Task;
        var log = new ProgressLog();
        Task<Image> first = Store().GetAsync("fake");
        await _recipe.Started.Task;
        Task<Image> second = Store().GetAsync("fake", log);
        await log.Waiting.Task;
        gate.SetResult();

        Assert.Equal((await first).KernelPath, (await second).KernelPath);
        Assert.Equal(1, _recipe.Builds);
        Assert.Equal([ImageStep.Waiting, ImageStep.Done], log.Entries.Select(entry => entry.Step));
    }

    [Fact]
    public async Task Pull_FromManyStoresAtOnce_NeverOverlaps()
    {
        Image[] images = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Store().PullAsync("fake"))));

        Assert.False(_recipe.Overlapped);
        Assert.Single(images.Select(image => image.KernelPath).Distinct());
    }

    [Fact]
    public async Task Get_WhileAnotherProcessHoldsTheLock_Waits()
    {
        Directory.CreateDirectory(Root);
        var log = new ProgressLog();
        Task<Image> pull;
        // flock(2) is what other processes of any language see.
        using (var other = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(
            "flock", [Path.Combine(Root, "lock"), "sh", "-c", "echo held; read line"])
        { RedirectStandardInput = true, RedirectStandardOutput = true })!)
        {
            Assert.Equal("held", await other.StandardOutput.ReadLineAsync());
            pull = Store().GetAsync("fake", log);
            await log.Waiting.Task;
            Assert.Equal(0, _recipe.Builds);
            other.StandardInput.Close();
            await other.WaitForExitAsync();
        }

        Assert.Equal("fake", (await pull).Manifest.Name);
    }

    [Fact]
    public async Task Pull_ThatIsCancelled_LeavesTheStoreAsItWasAndTheNextGoesOn()
    {
        _recipe.Gate = new TaskCompletionSource().Task;
        using var cancel = new CancellationTokenSource();
        Task<Image> pull = Store().PullAsync("fake", cancellation: cancel.Token);
        await _recipe.Started.Task;
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pull);
        Assert.Null(Store().Find("fake"));
        Assert.Empty(Store().List());
        _recipe.Gate = Task.CompletedTask;
        await Store().GetAsync("fake");
        Assert.True(_recipe.FoundLeftovers);
        Assert.False(Directory.Exists(Path.Combine(Root, "work", "fake")));
    }

    [Fact]
    public async Task Pull_ThatFails_KeepsTheOldImage()
    {
        await Store().GetAsync("fake");
        _recipe.Kernel = "kernel 2";
        _recipe.Failure = new ImageException("no network");

        await Assert.ThrowsAsync<ImageException>(() => Store().PullAsync("fake"));
        Assert.Equal("kernel 1", await File.ReadAllTextAsync(Store().Find("fake")!.KernelPath));
    }

    [Fact]
    public async Task Pull_OfANewVersion_ReplacesItAndLeavesFilesOfTheOldOneForThoseWhoStart()
    {
        Image old = await Store().GetAsync("fake");
        _recipe.Kernel = "kernel 2";
        Image next = await Store().PullAsync("fake");

        Assert.Equal("kernel 2", await File.ReadAllTextAsync(next.KernelPath));
        Assert.True(File.Exists(old.KernelPath));
        _recipe.Kernel = "kernel 3";
        await Store().PullAsync("fake");
        Assert.False(File.Exists(old.KernelPath));
    }

    [Fact]
    public async Task Pull_OfTheSameVersion_ChangesNothing()
    {
        Image old = await Store().GetAsync("fake");
        Image again = await Store().PullAsync("fake");

        Assert.Equal(2, _recipe.Builds);
        Assert.Equal(old.Manifest.ToJson(), again.Manifest.ToJson());
    }

    [Fact]
    public async Task Get_OfAnImageWithATruncatedFile_PullsItAgain()
    {
        Image image = await Store().GetAsync("fake");
        await File.WriteAllTextAsync(image.KernelPath, "kern");

        Assert.Null(Store().Find("fake"));
        Assert.Equal("kernel 1", await File.ReadAllTextAsync((await Store().GetAsync("fake")).KernelPath));
    }

    [Fact]
    public async Task Pull_OfAnImageWithAChangedByte_RepairsIt()
    {
        Image image = await Store().GetAsync("fake");
        await File.WriteAllTextAsync(image.InitrdPath, "initrd 9");

        Assert.False(await Store().VerifyAsync(image));
        Image repaired = await Store().PullAsync("fake");
        Assert.True(await Store().VerifyAsync(repaired));
        Assert.Equal("initrd 1", await File.ReadAllTextAsync(repaired.InitrdPath));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{\"format\":99}")]
    [InlineData("[]")]
    public async Task Get_OfAnImageWithADamagedManifest_PullsItAgain(string damage)
    {
        await Store().GetAsync("fake");
        await File.WriteAllTextAsync(Path.Combine(Root, "images", "fake.json"), damage);

        Assert.Null(Store().Find("fake"));
        Assert.Equal("fake", (await Store().GetAsync("fake")).Manifest.Name);
        Assert.Equal(2, _recipe.Builds);
    }

    [Fact]
    public async Task Remove_OfAnImage_KeepsFilesThatOthersShare()
    {
        var other = new FakeRecipe { Name = "other", Initrd = "initrd 2" };
        var store = new ImageStore(Root, [_recipe, other], TimeProvider.System);
        Image removed = await store.GetAsync("fake");
        Image kept = await store.GetAsync("other");

        Assert.True(await store.RemoveAsync("fake"));
        Assert.False(await store.RemoveAsync("fake"));
        Assert.Equal(["other"], store.List().Select(image => image.Manifest.Name));
        Assert.False(File.Exists(removed.InitrdPath));
        Assert.True(File.Exists(kept.KernelPath));
    }

    [Fact]
    public async Task Files_ThatAKilledProcessLeft_GoWithTheNextChange()
    {
        Directory.CreateDirectory(Path.Combine(Root, "tmp"));
        await File.WriteAllTextAsync(Path.Combine(Root, "tmp", "half"), "half");
        await Store().GetAsync("fake");

        Assert.Empty(Directory.EnumerateFiles(Path.Combine(Root, "tmp")));
        Assert.Equal(2, Directory.EnumerateFiles(Path.Combine(Root, "blobs", "sha256")).Count());
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("../etc")]
    [InlineData("a/b")]
    public async Task AnyName_ThatIsAPath_IsRefused(string name)
    {
        Assert.Throws<ImageException>(() => Store().Find(name));
        await Assert.ThrowsAsync<ImageException>(() => Store().RemoveAsync(name));
    }

    [Fact]
    public async Task Get_OfAnUnknownImage_SaysWhichThereAre()
    {
        ImageException error = await Assert.ThrowsAsync<ImageException>(() => Store().GetAsync("windows"));

        Assert.Contains("fake", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_InAFolderThatCannotBe_SaysWhichVariableHelps()
    {
        string file = _folder.Write("file", "");
        var store = new ImageStore(Path.Combine(file, "store"), [_recipe], TimeProvider.System);

        ImageException error = await Assert.ThrowsAsync<ImageException>(() => store.GetAsync("fake"));
        Assert.Contains("DOPPEL_CACHE", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_WhoseLockCannotBeMade_SaysWhyAndDoesNotWait()
    {
        Directory.CreateDirectory(Root);
        File.CreateSymbolicLink(Path.Combine(Root, "lock"), "lock");
        var log = new ProgressLog();

        ImageException error = await Assert.ThrowsAsync<ImageException>(() => Store().GetAsync("fake", log));
        Assert.Contains("DOPPEL_CACHE", error.Message, StringComparison.Ordinal);
        Assert.Empty(log.Entries);
    }

    [Fact]
    public async Task Tag_OfAnImage_GivesItAnotherNameThatStaysWhenTheFirstGoes()
    {
        Image first = await Store().GetAsync("fake");
        await Store().TagAsync("fake", "kept");
        Assert.True(await Store().RemoveAsync("fake"));

        Image kept = Assert.Single(Store().List());
        Assert.Equal(("kept", first.KernelPath), (kept.Manifest.Name, kept.KernelPath));
        Assert.True(await Store().VerifyAsync(kept));
    }

    [Theory]
    [InlineData("fake", "fake", "an image of Doppel's own")]
    [InlineData("fake", "../x", "no name of an image")]
    [InlineData("missing", "other", "there is no image missing")]
    public async Task Tag_ThatCannotBe_SaysWhy(string name, string newName, string reason)
    {
        await Store().GetAsync("fake");

        ImageException error = await Assert.ThrowsAsync<ImageException>(() => Store().TagAsync(name, newName));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Single(Store().List());
    }

    [Fact]
    public async Task Prune_OfWhatAStoppedPullHasLeft_KeepsTheImagesAndTellsHowMuchItWas()
    {
        Image image = await Store().GetAsync("fake");
        string left = Directory.CreateDirectory(Path.Combine(Root, "work", "other")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(left, "disk.raw"), new byte[100_000]);

        Assert.InRange(await Store().PruneAsync(), 100_000, 110_000);
        Assert.False(Directory.Exists(left));
        Assert.True(await Store().VerifyAsync(image));
        Assert.Equal(0, await Store().PruneAsync());
        Assert.Equal(0, await new ImageStore(_folder["nowhere"]).PruneAsync());
    }

    [Fact]
    public async Task Configure_OfAMachine_BootsTheImageAndKeepsWhatWasAskedFor()
    {
        Image image = await Store().GetAsync("fake");
        VirtualMachineConfig machine = image.Configure(new VirtualMachineConfig
        {
            Cpus = 2,
            CommandLine = "loglevel=4",
            ConsolePorts = [new("mine")],
            Networks = [new NetworkConfig { Kind = NetworkKind.User }, new NetworkConfig { Kind = NetworkKind.Tap }],
            Shares = [new SharedFolder { HostPath = "/srv", GuestPath = "/mnt", IsReadOnly = true }],
        });

        Assert.Equal((image.KernelPath, image.InitrdPath, "quiet loglevel=4", 2), (machine.KernelPath, machine.InitrdPath, machine.CommandLine, machine.Cpus));
        Assert.Equal([Image.ConsolePort, "mine", "doppel.control"], machine.ConsolePorts.Select(static p => p.Name));
        Assert.NotNull(machine.Vsock);
        Dictionary<string, CpioEntry> files = CpioReader.Read(machine.ExtraInitrds[^1].ToArray()).ToDictionary(static e => e.Path, StringComparer.Ordinal);
        Assert.Contains($"networks='{GuestNetwork.User.ToWord()} dhcp'", files["doppel/command"].Text, StringComparison.Ordinal);
        Assert.Equal("share 'share0' ro '/mnt'\n", files["doppel/shares"].Text);
    }

    [Fact]
    public async Task Manifest_AfterReading_IsTheSame()
    {
        ImageManifest manifest = (await Store().GetAsync("fake")).Manifest;

        Assert.Equal(manifest.ToJson(), ImageManifest.TryParse(manifest.ToJson())!.ToJson());
        Assert.Equal(TimeSpan.Zero, manifest.Created.Offset);
    }

    [Fact]
    public async Task ExtraInitrds_OfAnImageWithThisVersionsScripts_AreTheCommandAlone()
    {
        Image image = await Store().GetAsync("fake");
        var command = new GuestCommand { Arguments = ["true"] };

        Assert.Empty(image.ExtraInitrds(null));
        Assert.Equal([command.ToInitrd()], image.ExtraInitrds(command).Select(archive => archive.ToArray()));
    }

    [Fact]
    public async Task ExtraInitrds_OfAnImageWithOlderScripts_BringTheNewOnes()
    {
        Image image = await Store().GetAsync("fake");
        string file = Path.Combine(Root, "images", "fake.json");
        await File.WriteAllTextAsync(file, (image.Manifest with { GuestFiles = new string('0', 64) }).ToJson());

        Assert.Equal([GuestFiles.ToInitrd()], Store().Find("fake")!.ExtraInitrds(null).Select(archive => archive.ToArray()));
    }

    private ImageStore Store() => new(Root, [_recipe], TimeProvider.System);
}
