using System.Text;

namespace Doppel.UnitTests.Images;

/// <summary>The packages that image debian is made of, each with next to nothing in it.</summary>
internal static class FakeDebian
{
    public static readonly string[] Applets = ["[", "[[", "ash", .. Enumerable.Range(100, 60).Select(i => $"cmd{i}"), "halt", "mount", "poweroff", "reboot", "sh"];

    private static readonly string[] s_modules =
    [
        "drivers/virtio/virtio_mmio", "drivers/virtio/virtio_balloon", "drivers/block/virtio_blk", "drivers/char/hw_random/virtio-rng", "drivers/net/virtio_net", "fs/9p/9p",
        "net/9p/9pnet_virtio", "net/vmw_vsock/vmw_vsock_virtio_transport", "crypto/crc32c_generic", "fs/overlayfs/overlay", "sound/unused",
    ];

    public static FakeArchive Publish(string kernelVersion = "6.12.1-1")
    {
        var archive = new FakeArchive();
        archive.Add("busybox-static", "1:1.37", "", ("usr/bin/busybox", Encoding.Latin1.GetBytes("ELF " + string.Join('\0', Applets) + "\0\0")));
        archive.Add("base-files", "13", "",
            ("usr/lib/os-release", KernelModules.Text("ID=debian\n")), ("etc/debian_version", KernelModules.Text("13.0\n")));
        AddKernel(archive, kernelVersion);
        archive.Publish();
        return archive;
    }

    public static void AddKernel(FakeArchive archive, string version)
    {
        string release = version.Split('-')[0] + "-riscv64";
        string modules = $"usr/lib/modules/{release}/";
        archive.Add("linux-image-riscv64", version, $"initramfs-tools, linux-image-{release} (= {version})");
        archive.Add($"linux-image-{release}", version, "",
        [
            ($"boot/vmlinux-{release}", Kernel(version)), ($"boot/config-{release}", []),
            (modules + "modules.builtin", KernelModules.Text("kernel/drivers/char/virtio_console.ko\nkernel/fs/fuse/virtiofs.ko\n")),
            (modules + "kernel/fs/ext4/ext4.ko.xz", KernelModules.Pack(KernelModules.Assemble("ext4", "jbd2", "fs-ext4"))),
            (modules + "kernel/fs/jbd2/jbd2.ko.xz", KernelModules.Pack(KernelModules.Assemble("jbd2", ""))),
            .. s_modules.Select(path => ($"{modules}kernel/{path}.ko.xz", KernelModules.Pack(KernelModules.Assemble("m", "")))),
        ]);
    }

    public static byte[] Kernel(string version)
    {
        byte[] image = new byte[1 << 20];
        new Random(3).NextBytes(image);
        "RSC\u0005"u8.CopyTo(image.AsSpan(0x38));
        Encoding.ASCII.GetBytes(version).CopyTo(image, 0x100);
        return image;
    }
}
