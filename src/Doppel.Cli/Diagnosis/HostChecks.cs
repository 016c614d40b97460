using System.Globalization;
using System.Runtime.InteropServices;
using Doppel.Cli.Output;
using Doppel.Host.Probes;

namespace Doppel.Cli.Diagnosis;

/// <summary>What the doctor looks at, besides KVM.</summary>
internal static class HostChecks
{
    private const ulong SmallGuest = 512UL << 20;

    // x86-64-v3 as the kernel spells it: what the translator's code counts on.
    private static readonly string[] s_needed = ["avx", "avx2", "bmi1", "bmi2", "fma", "abm", "movbe", "f16c", "popcnt", "cx16", "ssse3", "sse4_1", "sse4_2"];
    private static readonly string[] s_wished = ["adx", "erms", "fsrm", "avx512f", "avx512vl", "sha_ni"];

    internal static IEnumerable<Finding> All() => [System(), Cpu(), Engine(), Memory(), HugePages(), Cgroups(), Tun(), Apt()];

    private static string[] MissingCpuFeatures() => [.. s_needed.Except(HostFacts.CpuFlags, StringComparer.Ordinal)];

    private static Finding System()
        => new("System", FindingState.Good, $"{RuntimeInformation.OSDescription}, {RuntimeInformation.OSArchitecture}, .NET {Environment.Version}");

    private static Finding Cpu()
    {
        IReadOnlySet<string> flags = HostFacts.CpuFlags;
        string text = $"{HostFacts.CpuModel ?? "unknown"}, {Environment.ProcessorCount} online";
        string[] missing = MissingCpuFeatures();
        if (missing.Length > 0) return new("CPU", FindingState.Missing, $"{text}; lacks {string.Join(' ', missing)}", null);
        string under = flags.Contains("hypervisor") ? "; this host is itself a virtual machine" : "";
        return new("CPU", FindingState.Good, $"{text}; x86-64-v3, also {string.Join(' ', s_wished.Where(flags.Contains))}{under}");
    }

    private static Finding Engine()
    {
        string engine = VirtualMachineEngines.Automatic;
        string[] missing = MissingCpuFeatures();
        string why = engine == "jit" ? "the processor has all that translated code needs (x86-64-v3)"
            : missing.Length > 0 ? $"translated code needs what the processor lacks: {string.Join(' ', missing)}"
            : RuntimeInformation.ProcessArchitecture == Architecture.X64 ? ".NET is told not to use all that translated code needs (DOTNET_Enable... in the environment)"
            : "the translator is written for x86-64";
        return new("Engine", engine == "jit" ? FindingState.Good : FindingState.Note, $"--engine auto chooses {engine}: {why}");
    }

    private static Finding Memory()
    {
        ulong available = Math.Min(HostFacts.MemoryAvailable ?? 0, HostFacts.CgroupMemoryLimit ?? ulong.MaxValue);
        string text = $"{Sizes.Bytes(available)} available of {Sizes.Bytes(HostFacts.MemoryTotal ?? 0)}";
        return available >= SmallGuest
            ? new("Memory", FindingState.Good, text)
            : new("Memory", FindingState.Note, text, "give the guest less, for instance --memory 128M; it takes only what it touches");
    }

    private static Finding HugePages()
    {
        string shared = HostFacts.SharedHugePages ?? "unknown";
        string text = $"for shared memory: {shared}; reserved: {HostFacts.HugePagesTotal?.ToString(CultureInfo.InvariantCulture) ?? "unknown"}";
        return shared is "never" or "deny" or "unknown"
            ? new("Huge pages", FindingState.Note, text, "guest memory uses small pages; to change that: echo advise | sudo tee /sys/kernel/mm/transparent_hugepage/shmem_enabled")
            : new("Huge pages", FindingState.Good, text);
    }

    private static Finding Cgroups()
    {
        string version = HostFacts.CgroupVersion is { } number ? $"version {number}" : "not mounted";
        string memory = HostFacts.CgroupMemoryLimit is { } limit ? $"memory limit {Sizes.Bytes(limit)}" : "no memory limit";
        string cpu = HostFacts.CgroupCpuLimit is { } cpus ? string.Create(CultureInfo.InvariantCulture, $"limited to {cpus:0.##} CPUs") : "no CPU limit";
        return new("Control groups", HostFacts.CgroupVersion is null ? FindingState.Note : FindingState.Good, $"{version}; {memory}; {cpu}");
    }

    private static Finding Tun()
        => HostFacts.WhyNotUsable("/dev/net/tun") is { } reason
            ? new("TUN", FindingState.Note, $"not usable: {reason}", "needed only to put a guest on the host's network")
            : new("TUN", FindingState.Good, "/dev/net/tun can be opened");

    private static Finding Apt()
        => FindOnPath("apt-get") is { } path
            ? new("apt", FindingState.Good, $"{path}: images can be pulled")
            : new("apt", FindingState.Note, "not found: images can not be pulled", "give your own guest: doppel run --kernel FILE --initrd FILE");

    private static string? FindOnPath(string program)
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
