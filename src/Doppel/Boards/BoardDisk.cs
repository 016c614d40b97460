using Doppel.Core.Time;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Virtio.Block;

namespace Doppel.Boards;

/// <summary>A disk of a machine, as the host provides it, reboots included. Thread contract: one owner.</summary>
/// <param name="Name">What people know it by: its path.</param>
/// <param name="Backend">The contents; owned by this.</param>
/// <param name="Options">How the device is set up.</param>
internal sealed record BoardDisk(string Name, IBlockBackend Backend, VirtioBlockOptions Options) : IDisposable
{
    /// <summary>What the guest has done with it so far.</summary>
    public BlockCounters Counters { get; } = new();

    /// <summary>The same for people.</summary>
    public DiskStatistics Statistics =>
        new(Name, Count(Counters.Reads), Count(Counters.Writes), Count(Counters.Flushes), Count(Counters.Discards), Count(Counters.Failures));

    /// <summary>Creates the device of a board.</summary>
    /// <param name="time">The board's time.</param>
    /// <param name="log">Receives one line when the host fails to read or write.</param>
    public VirtioBlock CreateDevice(MachineTime time, Action<string> log) => new(Backend, Options, Counters, time, log);

    /// <summary>Closes the contents.</summary>
    public void Dispose() => Backend.Dispose();

    private static DiskCount Count(BlockCount count) => new(count.Requests, count.Bytes, count.Time);
}
