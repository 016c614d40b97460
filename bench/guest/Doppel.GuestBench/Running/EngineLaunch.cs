using System.Diagnostics;
using System.Globalization;
using Doppel.GuestBench.Building;

namespace Doppel.GuestBench.Running;

/// <summary>How each engine is started: one program, one command line, the console on its standard streams.</summary>
/// <param name="material">What is run.</param>
/// <param name="repository">The root of the source tree, where the command doppel was built.</param>
internal sealed class EngineLaunch(GuestMaterial material, string repository)
{
    private const string Memory = "1G";
    private const string CommandLine = "console=ttyS0 quiet panic=-1 cryptomgr.notests rdinit=/bench/init";

    /// <summary>Program and arguments for an engine.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="cpus">Number of the guest's processors.</param>
    public ProcessStartInfo For(EngineKind engine, int cpus = 1)
    {
        string processors = cpus.ToString(CultureInfo.InvariantCulture);
        string[] command = engine switch
        {
            EngineKind.Qemu => Qemu(processors),
            EngineKind.Native => Native(),
            _ => Doppel(engine == EngineKind.Jit ? "jit" : "interp", processors),
        };
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        if (engine != EngineKind.Native) return start;
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
        return start;
    }

    private string[] Qemu(string cpus) =>
    [
        HostTools.Need("qemu-system-riscv64"), "-M", "virt", "-smp", cpus, "-m", Memory, "-display", "none", "-monitor", "none",
        "-serial", "stdio", "-no-reboot", "-global", "virtio-mmio.force-legacy=false", "-kernel", material.Kernel,
        "-initrd", material.Initrd, "-append", CommandLine,
        "-drive", $"if=none,id=disk,format=raw,readonly=on,file={material.Disk.Replace(",", ",,", StringComparison.Ordinal)}",
        "-device", "virtio-blk-device,drive=disk",
    ];

    private string[] Doppel(string engine, string cpus) =>
    [
        "dotnet", Path.Combine(repository, "artifacts", "cli", "current", "doppel-cli.dll"), "run", "--engine", engine, "--cpus", cpus,
        "--memory", Memory, "--serial", "stdio", "--kernel", material.Kernel, "--initrd", material.Initrd, "--append", CommandLine,
        "--disk", material.Disk + ",ro",
    ];

    private string[] Native() =>
    [
        HostTools.Need("unshare"), "--map-root-user", "--mount", "/bin/sh", Path.Combine(repository, "bench", "guest", "system", "native"),
        material.NativeRoot ?? throw new InvalidOperationException("no native root was made"),
    ];
}
