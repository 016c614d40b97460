using Doppel.Cli.Syntax;

namespace Doppel.Cli.Running;

/// <summary>What <c>doppel run</c> was asked to do, as typed; what it means for a machine is worked out elsewhere.</summary>
internal sealed record RunRequest
{
    internal string? Image { get; init; }

    internal string Engine { get; init; } = "auto";

    internal TranslatorConfig Translator { get; init; } = TranslatorConfig.Default;

    /// <summary>Where translations are written to: a file, empty for standard error, null for nowhere.</summary>
    internal string? TraceFile { get; init; }

    /// <summary>True to name translations for profilers.</summary>
    internal bool PerfMap { get; init; }

    internal ulong MemoryBytes { get; init; }

    internal bool Balloon { get; init; } = true;

    internal int Cpus { get; init; } = 1;

    /// <summary>Share of the host's processors; the group is not chosen yet.</summary>
    internal CpuShareConfig CpuShare { get; init; } = CpuShareConfig.Default;

    /// <summary>True if a share was asked for in words.</summary>
    internal bool HasWeight { get; init; }

    internal string? Kernel { get; init; }

    internal string? Initrd { get; init; }

    internal string? Append { get; init; }

    internal string? Dtb { get; init; }

    internal string Bios { get; init; } = "builtin";

    internal IReadOnlyList<DiskConfig> Disks { get; init; } = [];

    internal IReadOnlyList<NetworkChoice> Networks { get; init; } = [];

    internal IReadOnlyList<SharedFolder> Shares { get; init; } = [];

    /// <summary>Variables for the guest's command or shell.</summary>
    internal IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Folder of the guest that its command starts in, or null for its root.</summary>
    internal string? WorkingDirectory { get; init; }

    /// <summary>Null: the serial port is chosen by what runs.</summary>
    internal SerialConfig? Serial { get; init; }

    internal bool InstructionCountTime { get; init; }

    internal TimeSpan? Timeout { get; init; }

    /// <summary>The machine's name; null if it has none, or gets a random one because it is detached.</summary>
    internal string? Name { get; init; }

    /// <summary>A machine that has the name already is removed first.</summary>
    internal bool Replace { get; init; }

    /// <summary>The machine runs in the background, and outlives the command.</summary>
    internal bool Detach { get; init; }

    /// <summary>A machine in the background gives its command a terminal.</summary>
    internal bool Terminal { get; init; }

    /// <summary>A machine in the background keeps its command's input open for those who attach.</summary>
    internal bool Interactive { get; init; }

    /// <summary>Nothing stays of a machine in the background once it has ended.</summary>
    internal bool AutoRemove { get; init; }

    /// <summary>When a machine in the background starts again after its end.</summary>
    internal RestartPolicy Restart { get; init; } = RestartPolicy.Never;

    /// <summary>True if other processes can find the machine.</summary>
    internal bool IsNamed => Detach || Name is not null;

    internal bool Stats { get; init; }

    internal bool Json { get; init; }

    internal bool Verbose { get; init; }

    /// <summary>The guest command, or null for a shell.</summary>
    internal IReadOnlyList<string>? Command { get; init; }
}
