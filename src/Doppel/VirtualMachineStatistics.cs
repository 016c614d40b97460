using Doppel.Core.Diagnostics;

namespace Doppel;

/// <summary>
/// Counters of a machine since it was started, across reboots. Approximate while it runs, exact after it has ended or is paused.
/// </summary>
public sealed record VirtualMachineStatistics
{
    /// <summary>Name of the engine.</summary>
    public required string Engine { get; init; }

    /// <summary>Guest instructions begun by all vCPUs.</summary>
    public ulong Instructions { get; init; }

    /// <summary>Host time since the start, without pauses.</summary>
    public TimeSpan Elapsed { get; init; }

    /// <summary>Host processor time that the process has used since the start; other work of the process counts too.</summary>
    public TimeSpan ProcessorTime { get; init; }

    /// <summary>Million guest instructions for each second of <see cref="Elapsed"/>.</summary>
    public double Mips => Elapsed > TimeSpan.Zero ? Instructions / Elapsed.TotalSeconds / 1e6 : 0;

    /// <summary>Events by cause, in a fixed order; those that never happened are left out.</summary>
    public IReadOnlyList<KeyValuePair<string, ulong>> Exits { get; init; } = [];

    /// <summary>Time from the start to the kernel's first line on the serial port; null if there was none.</summary>
    public TimeSpan? TimeToKernel { get; init; }

    /// <summary>Time from the start to the kernel's message that it runs <c>/init</c>; null if there was none.</summary>
    public TimeSpan? TimeToInit { get; init; }

    /// <summary>Largest resident memory of this process so far, in bytes.</summary>
    public ulong PeakMemoryBytes { get; init; }

    /// <summary>
    /// Resident memory of the process beyond what the guest's own RAM takes, in bytes, when the machine ended or now: translations, devices, the
    /// runtime, and whatever else the process does.
    /// </summary>
    public ulong OverheadBytes { get; init; }

    /// <summary>What the engine has translated; null for one that does not translate.</summary>
    public TranslationStatistics? Translation { get; init; }

    /// <summary>How often the guest rebooted.</summary>
    public int Reboots { get; init; }

    /// <summary>What the guest has done with its disks, in their order.</summary>
    public IReadOnlyList<DiskStatistics> Disks { get; init; } = [];
}

/// <summary>What a guest has done with one disk.</summary>
/// <param name="Path">The image file, as it was given.</param>
/// <param name="Reads">Requests to read.</param>
/// <param name="Writes">Requests to write.</param>
/// <param name="Flushes">Requests to make what was written stable; they move no bytes.</param>
/// <param name="Discards">Requests to discard, or to write zeroes; their bytes are not counted.</param>
/// <param name="Failures">Requests of any kind that failed, and are counted nowhere else; their bytes are not counted.</param>
public sealed record DiskStatistics(string Path, DiskCount Reads, DiskCount Writes, DiskCount Flushes, DiskCount Discards, DiskCount Failures);

/// <summary>Requests of one kind.</summary>
/// <param name="Requests">How many there were.</param>
/// <param name="Bytes">Bytes that they moved.</param>
/// <param name="Time">Host time that they took together, without the time that a limit held them back; of several at once each counts.</param>
public readonly record struct DiskCount(ulong Requests, ulong Bytes, TimeSpan Time);
