using System.Diagnostics;

namespace Doppel.SystemTests.Harness;

/// <summary>Programs and files of other people that tests use as oracles.</summary>
internal static class Tool
{
    internal const string OpenSbiDynamic = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin";
    internal const string OpenSbiJump = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.bin";
    internal const string UBoot = "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin";

    private static readonly string[] s_folders = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];

    private static readonly Dictionary<string, string> s_packages = new(StringComparer.Ordinal)
    {
        ["tmux"] = "tmux",
        ["curl"] = "curl",
        ["mkfs.ext4"] = "e2fsprogs",
        ["e2fsck"] = "e2fsprogs",
        ["qemu-img"] = "qemu-utils",
        ["debugfs"] = "e2fsprogs",
        ["git"] = "git",
        ["qemu-system-riscv64"] = "qemu-system-misc",
        ["apt-get"] = "apt",
        ["file"] = "file",
        ["unshare"] = "util-linux",
        ["ip"] = "iproute2",
        ["/dev/net/tun"] = "kmod, then `modprobe tun`",
        ["cc"] = "gcc, and libc6-dev",
        ["riscv64-linux-gnu-gcc"] = "gcc-riscv64-linux-gnu",
        [OpenSbiDynamic] = "opensbi",
        [OpenSbiJump] = "opensbi",
        [UBoot] = "u-boot-qemu",
    };

    /// <summary>The first missing tool and its package, or null if all are there.</summary>
    internal static string? WhyMissing(params string[] tools)
        => tools.Where(static t => Find(t) is null).Select(static t => $"{t} is missing; install the Debian package {s_packages[t]}").FirstOrDefault();

    /// <summary>The path of a tool.</summary>
    internal static string Path(string tool) => Find(tool) ?? throw new InvalidOperationException(WhyMissing(tool));

    /// <summary>Runs a tool to its end and returns its status and everything it printed.</summary>
    internal static async Task<(int Status, string Output)> RunAsync(string tool, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(Path(tool), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }

    private static string? Find(string tool)
        => tool.StartsWith('/') ? (File.Exists(tool) ? tool : null) : s_folders.Select(f => System.IO.Path.Combine(f, tool)).FirstOrDefault(File.Exists);
}
