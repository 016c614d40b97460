using System.Globalization;
using System.Text;
using Doppel.Boards;
using Doppel.Disks;
using Doppel.Networks;
using Doppel.Shares;

namespace Doppel;

/// <summary>
/// Checks what can be known about a configuration without opening a file. Thread contract: static, no state.
/// </summary>
public static class VirtualMachineConfigValidator
{
    /// <summary>Smallest RAM in bytes.</summary>
    public const ulong MinMemoryBytes = 32UL << 20;

    /// <summary>Largest RAM in bytes: what the board's address map leaves room for.</summary>
    public const ulong MaxMemoryBytes = 1UL << 40;

    /// <summary>Most virtual processors.</summary>
    public const int MaxCpus = 512;

    /// <summary>Virtio slots of the board; entropy takes one, console and sockets one each where they are wanted, each disk, network and share one.</summary>
    public const int VirtioSlots = 32;

    /// <summary>Most ports of the console device.</summary>
    public const int MaxConsolePorts = 16;

    /// <summary>Lists what is wrong, one sentence for people each; empty if nothing is.</summary>
    public static IReadOnlyList<string> Validate(VirtualMachineConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        List<string> problems = [];
        CheckMachine(config, problems);
        CheckBoot(config, problems);
        CheckDevices(config, problems);
        NetworkRules.Check(config.Networks, problems);
        ShareRules.Check(config.Shares, problems);
        return problems;
    }

    /// <summary>Throws if anything is wrong.</summary>
    /// <exception cref="VirtualMachineException">The configuration is wrong; the message lists how.</exception>
    public static void ThrowIfInvalid(VirtualMachineConfig config)
    {
        IReadOnlyList<string> problems = Validate(config);
        if (problems.Count > 0) throw new VirtualMachineException(string.Join(Environment.NewLine, problems));
    }

    private static void CheckMachine(VirtualMachineConfig config, List<string> problems)
    {
        if (!string.Equals(config.Board, "riscv-virt", StringComparison.Ordinal))
            problems.Add($"--board {config.Board}: no such board; there is riscv-virt");
        if (!EngineCatalog.Names.Contains(config.Engine, StringComparer.Ordinal))
            problems.Add($"--engine {config.Engine}: no such engine; there are {string.Join(", ", EngineCatalog.Names)}");
        else if (EngineCatalog.NeedsMore(config.Engine, config.Translator))
            problems.Add("--engine jit: this host has not all that translated code needs, an x86-64-v3 processor (AVX2, BMI, FMA); give --engine interp, without --verify; `doppel doctor` says what is missing");
        foreach (string name in config.Translator.Unknown)
            problems.Add($"--jit no-{name}: no such option; there are {string.Join(", ", TranslatorConfig.Switches.Select(static s => $"no-{s.Key}"))}");
        if (config.Translator.Verify && string.Equals(config.Engine, "interp", StringComparison.Ordinal))
            problems.Add("--verify: compares the engine jit with interp, so it needs --engine jit");
        if (config.Translator.Verify && config.Time != TimePolicy.InstructionCount)
            problems.Add("--verify: both engines must read the same times, so it needs --time icount");
        if (config.MemoryBytes < MinMemoryBytes)
            problems.Add($"--memory: {Size(config.MemoryBytes)} are too little; give at least --memory {Size(MinMemoryBytes)}");
        if (config.MemoryBytes > MaxMemoryBytes)
            problems.Add($"--memory: {Size(config.MemoryBytes)} are more than the board can address; give at most --memory {Size(MaxMemoryBytes)}");
        if ((config.MemoryBytes & 0xFFF) != 0)
            problems.Add($"--memory: {config.MemoryBytes} bytes are not a multiple of 4096; give --memory {Size(config.MemoryBytes & ~0xFFFFFUL)}");
        if (config.Cpus is < 1 or > MaxCpus)
            problems.Add($"--cpus {config.Cpus}: give a number from 1 to {MaxCpus}");
        CheckShare(config.CpuShare, problems);
        if (config.Timeout is { } timeout && timeout <= TimeSpan.Zero)
            problems.Add($"--timeout {timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)}: give a number of seconds above zero");
    }

    private static void CheckShare(CpuShareConfig share, List<string> problems)
    {
        if (share.Weight is < CpuShareConfig.MinWeight or > CpuShareConfig.MaxWeight)
            problems.Add($"--cpu-weight {share.Weight}: give a number from {CpuShareConfig.MinWeight} to {CpuShareConfig.MaxWeight}");
        if (share.Limit is { } limit && !(limit >= CpuShareConfig.MinLimit && limit <= Host.HostProcessors.MaxNumber))
            problems.Add(string.Create(CultureInfo.InvariantCulture, $"--cpu-limit {limit}: give a number of processors, at least {CpuShareConfig.MinLimit}"));
        if (share.Pinned.Any(static n => n is < 0 or >= Host.HostProcessors.MaxNumber))
            problems.Add($"--pin {string.Join(',', share.Pinned)}: processors have numbers from 0 to {Host.HostProcessors.MaxNumber - 1}");
    }

    private static void CheckBoot(VirtualMachineConfig config, List<string> problems)
    {
        if (config.KernelPath is null && config.Firmware.Path is null)
            problems.Add("--kernel: there is nothing to run; give a Linux Image, an ELF file or a flat binary");
        if (config.KernelPath is null && (config.InitrdPath is not null || config.ExtraInitrds.Count > 0))
            problems.Add("--initrd: an initial RAM disk needs a kernel; give --kernel FILE");
        if (config.CommandLine.Contains('\0', StringComparison.Ordinal))
            problems.Add("--append: the kernel command line holds a zero byte");
        if (Encoding.UTF8.GetByteCount(config.CommandLine) > 4095)
            problems.Add("--append: the kernel command line is longer than 4095 bytes");
    }

    private static void CheckDevices(VirtualMachineConfig config, List<string> problems)
    {
        int room = VirtioSlots - 1 - (config.ConsolePorts.Count > 0 ? 1 : 0) - (config.Vsock is not null ? 1 : 0) - config.Networks.Count - config.Shares.Count;
        if (config.Networks.Count > RiscVVirtMap.VirtioSlots - RiscVVirtMap.ClassicVirtioSlots)
            problems.Add($"--network: {config.Networks.Count} networks are too many; give at most {RiscVVirtMap.VirtioSlots - RiscVVirtMap.ClassicVirtioSlots}");
        else if (config.Shares.Count > ShareRules.Most - config.Networks.Count)
            problems.Add($"--share: {config.Shares.Count} folders are too many; give at most {ShareRules.Most - config.Networks.Count}, for instance by sharing a folder that holds several");
        else if (config.Disks.Count > room)
            problems.Add($"--disk: {config.Disks.Count} disks are too many; the board's {VirtioSlots} virtio slots leave room for {room}");
        DiskRules.Check(config.Disks, problems);
        if (config.Serial.Kind is SerialKind.File or SerialKind.Socket && string.IsNullOrEmpty(config.Serial.Path))
            problems.Add("--serial: file and socket need a path, as in --serial file:boot.log");
        if (config.Vsock is { GuestCid: < 3 or uint.MaxValue })
            problems.Add($"vsock: {config.Vsock.GuestCid} is no address of a guest; give one from 3 to {uint.MaxValue - 1}");
        if (config.ConsolePorts.Count > MaxConsolePorts)
            problems.Add($"console ports: {config.ConsolePorts.Count} are too many; the limit is {MaxConsolePorts}");
        foreach (IGrouping<string, ConsolePortConfig> group in config.ConsolePorts.GroupBy(p => p.Name, StringComparer.Ordinal))
        {
            if (group.Key.Length == 0) problems.Add("console ports: a port has no name");
            if (group.Count() > 1) problems.Add($"console ports: the name '{group.Key}' is used {group.Count()} times; names are unique");
        }
    }

    private static string Size(ulong bytes) => bytes switch
    {
        >= 1UL << 30 when (bytes & ((1UL << 30) - 1)) == 0 => $"{bytes >> 30}G",
        >= 1UL << 20 => $"{bytes >> 20}M",
        _ => $"{bytes >> 10}K",
    };
}
