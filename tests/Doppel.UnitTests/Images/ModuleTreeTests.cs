using Doppel.Images.Linux;

namespace Doppel.UnitTests.Images;

public sealed class ModuleTreeTests
{
    private const string Builtin = "kernel/drivers/char/virtio_console.ko\nkernel/fs/fuse/virtiofs.ko\n";

    [Fact]
    public void Closure_OfAModule_HasItsDependenciesFirst()
    {
        ModuleTree tree = Tree();

        Assert.Equal(["crc16", "jbd2", "mbcache", "ext4"], tree.Closure(["ext4"]).Select(module => module.Name));
    }

    [Fact]
    public void Closure_OfSeveralModules_HasEachOnce() =>
        Assert.Equal(["crc16", "jbd2", "mbcache", "ext4", "virtio_rng"],
            Tree().Closure(["jbd2", "ext4", "virtio-rng", "ext4"]).Select(module => module.Name));

    [Fact]
    public void Closure_OfABuiltInModule_IsEmpty() =>
        Assert.Empty(Tree().Closure(["virtio_console", "virtiofs"]));

    [Fact]
    public void Closure_OfAMissingModule_SaysWhoNeedsIt()
    {
        ModuleTree tree = Tree();
        tree.Add("kernel/fs/broken.ko", KernelModules.Assemble("broken", "gone"));

        InvalidDataException error = Assert.Throws<InvalidDataException>(() => tree.Closure(["broken"]));
        Assert.Contains("gone", error.Message, StringComparison.Ordinal);
        Assert.Contains("broken", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Closure_OfACircle_IsRefused()
    {
        ModuleTree tree = Tree();
        tree.Add("kernel/a.ko", KernelModules.Assemble("a", "b"));
        tree.Add("kernel/b.ko", KernelModules.Assemble("b", "a"));

        Assert.Throws<InvalidDataException>(() => tree.Closure(["a"]));
    }

    [Fact]
    public void Modules_OfAnyPacking_ComeUnpackedUnderTheirPlainName()
    {
        byte[] module = KernelModules.Assemble("m", "");
        var tree = new ModuleTree("");
        tree.Add("kernel/plain.ko", module);
        tree.Add("kernel/xz.ko.xz", KernelModules.Pack(module));
        tree.Add("kernel/gz.ko.gz", Tool.Filter(module, "gzip", "-c"));

        IReadOnlyList<LoadedModule> modules = tree.Closure(["plain", "xz", "gz"]);

        Assert.Equal(["kernel/plain.ko", "kernel/xz.ko", "kernel/gz.ko"], modules.Select(m => m.Path));
        Assert.All(modules, m => Assert.Equal(LocalLabels.Discard(module), m.Elf));
    }

    [Fact]
    public void DependencyTable_NamesAllThatIsNeededNearestFirst() =>
        Assert.Equal(
            "kernel/lib/crc16.ko:\n"
            + "kernel/fs/jbd2.ko: kernel/lib/crc16.ko\n"
            + "kernel/fs/mbcache.ko:\n"
            + "kernel/fs/ext4.ko: kernel/fs/mbcache.ko kernel/fs/jbd2.ko kernel/lib/crc16.ko\n",
            ModuleTree.DependencyTable(Tree().Closure(["ext4"])));

    [Fact]
    public void AliasTable_NamesTheModuleOfEachPattern() =>
        Assert.Equal("alias fs-ext4 ext4\nalias virtio:d00000004v* virtio_rng\n",
            ModuleTree.AliasTable(Tree().Closure(["ext4", "virtio-rng"])));

    private static ModuleTree Tree()
    {
        var tree = new ModuleTree(Builtin);
        tree.Add("kernel/fs/ext4.ko.xz", KernelModules.Pack(KernelModules.Assemble("ext4", "jbd2,mbcache,crc16", "fs-ext4")));
        tree.Add("kernel/fs/jbd2.ko", KernelModules.Assemble("jbd2", "crc16"));
        tree.Add("kernel/fs/mbcache.ko", KernelModules.Assemble("mbcache", ""));
        tree.Add("kernel/lib/crc16.ko", KernelModules.Assemble("crc16", ""));
        tree.Add("kernel/drivers/char/hw_random/virtio-rng.ko.xz",
            KernelModules.Pack(KernelModules.Assemble("virtio_rng", "", "virtio:d00000004v*")));
        return tree;
    }
}
