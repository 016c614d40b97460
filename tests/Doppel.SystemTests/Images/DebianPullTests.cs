using Doppel.Images;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Images;

/// <summary>The real archive into an empty cache, booted by QEMU: what is wrong there is wrong with the image, not with Doppel.</summary>
public sealed class DebianPullTests
{
    [ToolFact("apt-get", "qemu-system-riscv64")]
    public async Task Pull_IntoAnEmptyCache_MakesAnImageThatQemuBoots()
    {
        using TemporaryFolder folder = new();
        var store = new ImageStore(folder.File("cache"));
        Image image = await store.PullAsync(ImageStore.DefaultImage);
        Assert.True(await store.VerifyAsync(image));
        Assert.False(Directory.Exists(folder.File("cache/work/debian")));

        string initrd = folder.File("initrd");
        var command = new GuestCommand { Arguments = ["sh", "-c", "uname -m; . /etc/os-release; echo $ID; lsmod | cut -d' ' -f1"] };
        byte[] archives = [.. await File.ReadAllBytesAsync(image.InitrdPath), .. image.ExtraInitrds(command).SelectMany(archive => archive.ToArray())];
        await File.WriteAllBytesAsync(initrd, archives);
        string output = folder.File("stdout"), control = folder.File("control");
        (int status, string said) = await Tool.RunAsync("qemu-system-riscv64",
            "-M", "virt", "-m", "256M", "-display", "none", "-monitor", "none", "-no-reboot", "-serial", "file:" + folder.File("serial"),
            "-kernel", image.KernelPath, "-initrd", initrd, "-append", image.Manifest.CommandLine, "-device", "virtio-serial-device",
            "-chardev", "null,id=hvc", "-device", "virtconsole,chardev=hvc",
            "-chardev", "file,id=out,path=" + output, "-device", "virtserialport,chardev=out,name=doppel.stdout",
            "-chardev", "file,id=ctl,path=" + control, "-device", "virtserialport,chardev=ctl,name=doppel.control");

        Assert.True(status == 0, said);
        Assert.Equal("init\nexit 0\n", await File.ReadAllTextAsync(control));
        Assert.Equal("riscv64\ndebian\nModule\nvirtio_mmio\n", await File.ReadAllTextAsync(output));
    }
}
