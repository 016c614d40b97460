namespace Doppel.Cli.Running;

/// <summary>What <c>doppel run</c> was asked to do, as typed; what it means for a machine is worked out elsewhere.</summary>
internal sealed record RunRequest
{
    internal string? Image { get; init; }

    internal string Engine { get; init; } = "auto";

    internal TranslatorConfig Translator { get; init; } = TranslatorConfig.Default;

    internal ulong MemoryBytes { get; init; }

    internal int Cpus { get; init; } = 1;

    internal string? Kernel { get; init; }

    internal string? Initrd { get; init; }

    internal string? Append { get; init; }

    internal string? Dtb { get; init; }

    internal string Bios { get; init; } = "builtin";

    internal IReadOnlyList<DiskConfig> Disks { get; init; } = [];

    /// <summary>Null: the serial port is chosen by what runs.</summary>
    internal SerialConfig? Serial { get; init; }

    internal bool InstructionCountTime { get; init; }

    internal TimeSpan? Timeout { get; init; }

    internal bool Stats { get; init; }

    internal bool Json { get; init; }

    internal bool Verbose { get; init; }

    /// <summary>The guest command, or null for a shell.</summary>
    internal IReadOnlyList<string>? Command { get; init; }
}
