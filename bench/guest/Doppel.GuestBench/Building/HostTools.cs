using Doppel.Images.Apt;

namespace Doppel.GuestBench.Building;

/// <summary>Programs of the host by name, each with the package that has it.</summary>
internal static class HostTools
{
    private static readonly Dictionary<string, string> s_packages = new(StringComparer.Ordinal)
    {
        ["gcc"] = "gcc",
        ["riscv64-linux-gnu-gcc"] = "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross",
        ["mke2fs"] = "e2fsprogs",
        ["qemu-system-riscv64"] = "qemu-system-misc",
        ["unshare"] = "util-linux",
    };

    /// <summary>Path of a program.</summary>
    /// <exception cref="BenchException">The host does not have it.</exception>
    public static string Need(string name) => HostProcess.Find(name)
        ?? throw new BenchException($"{name} is missing; `apt install {s_packages.GetValueOrDefault(name, name)}` brings it");
}
