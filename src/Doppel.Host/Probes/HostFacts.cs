using System.Globalization;

namespace Doppel.Host.Probes;

/// <summary>What the operating system says about this host. Every member reads anew; null means that the host does not say.</summary>
public static class HostFacts
{
    private const string Cgroups = "/sys/fs/cgroup";

    /// <summary>Name of the processor.</summary>
    public static string? CpuModel => CpuInfo("model name");

    /// <summary>The processor's feature flags, as the kernel spells them.</summary>
    public static IReadOnlySet<string> CpuFlags
        => new HashSet<string>((CpuInfo("flags") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries), StringComparer.Ordinal);

    /// <summary>Main memory in bytes.</summary>
    public static ulong? MemoryTotal => MemInfo("MemTotal");

    /// <summary>Memory in bytes that can be used without swapping.</summary>
    public static ulong? MemoryAvailable => MemInfo("MemAvailable");

    /// <summary>Explicit huge pages that are reserved.</summary>
    public static ulong? HugePagesTotal => MemInfo("HugePages_Total");

    /// <summary>When the kernel uses huge pages for shared memory such as guest RAM: the choice in force, for instance <c>never</c>.</summary>
    public static string? SharedHugePages => Chosen(ReadLine("/sys/kernel/mm/transparent_hugepage/shmem_enabled"));

    /// <summary>Highest resident memory of this process so far, in bytes.</summary>
    public static ulong? PeakResidentBytes => Kibibytes("/proc/self/status", "VmHWM");

    /// <summary>2 if the unified control-group hierarchy is mounted, 1 for the older one.</summary>
    public static int? CgroupVersion
        => File.Exists(Cgroups + "/cgroup.controllers") ? 2 : Directory.Exists(Cgroups) ? 1 : null;

    /// <summary>Memory limit in bytes of this process's control group; null if there is none.</summary>
    public static ulong? CgroupMemoryLimit
        => ulong.TryParse(ReadLine(OwnCgroup + "/memory.max"), CultureInfo.InvariantCulture, out ulong limit) ? limit : null;

    /// <summary>Processors that this process's control group may use; null if it is not limited.</summary>
    public static double? CgroupCpuLimit
    {
        get
        {
            string[] parts = (ReadLine(OwnCgroup + "/cpu.max") ?? "").Split(' ');
            bool limited = parts.Length == 2 && parts[0] != "max";
            return limited ? double.Parse(parts[0], CultureInfo.InvariantCulture) / double.Parse(parts[1], CultureInfo.InvariantCulture) : null;
        }
    }

    /// <summary>The release of the host's kernel.</summary>
    public static string? KernelRelease => ReadLine("/proc/sys/kernel/osrelease");

    /// <summary>Opens a device for reading and writing, and closes it again.</summary>
    /// <param name="path">Path of the device node.</param>
    /// <returns>Null if that works, otherwise why not.</returns>
    public static string? WhyNotUsable(string path)
    {
        try
        {
            using FileStream device = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e is FileNotFoundException ? "there is no such device" : e.Message;
        }
    }

    // The unified hierarchy's line in /proc/self/cgroup reads "0::/path".
    private static string OwnCgroup => Cgroups + (ReadLines("/proc/self/cgroup").LastOrDefault(static l => l.StartsWith("0::", StringComparison.Ordinal))?[3..] ?? "");

    private static string? CpuInfo(string key)
    {
        string? line = ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal));
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }

    private static ulong? MemInfo(string key) => Kibibytes("/proc/meminfo", key);

    // Lines such as "MemTotal:  16384 kB"; counts stand there without a unit.
    private static ulong? Kibibytes(string file, string key)
    {
        string? line = ReadLines(file).FirstOrDefault(l => l.StartsWith(key + ":", StringComparison.Ordinal));
        string[] parts = line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        if (parts.Length < 2 || !ulong.TryParse(parts[1].Trim(), CultureInfo.InvariantCulture, out ulong value)) return null;
        return parts.Length > 2 ? value * 1024 : value;
    }

    // "always within_size [never]" names what is in force in brackets.
    private static string? Chosen(string? line)
    {
        if (line is null) return null;
        int open = line.IndexOf('[', StringComparison.Ordinal), close = line.IndexOf(']', StringComparison.Ordinal);
        return open < 0 || close < open ? null : line[(open + 1)..close];
    }

    private static string? ReadLine(string path) => ReadLines(path).FirstOrDefault();

    private static IEnumerable<string> ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
