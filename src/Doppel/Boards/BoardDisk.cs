using Doppel.Core.Time;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Virtio.Block;

namespace Doppel.Boards;

/// <summary>A disk of a machine, as the host provides it, reboots included. Thread contract: one owner.</summary>
/// <param name="Name">What people know it by: its path.</param>
/// <param name="Backend">The contents; owned by this until <see cref="Close"/>.</param>
/// <param name="Options">How the device is set up.</param>
internal sealed record BoardDisk(string Name, IBlockBackend Backend, VirtioBlockOptions Options)
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

    /// <summary>Makes what was written stable; where the host fails to, it is told, and the machine goes on.</summary>
    /// <param name="log">Receives one line then.</param>
    public void Flush(Action<string> log)
    {
        try
        {
            if (!Backend.IsReadOnly) Backend.Flush();
        }
        catch (IOException e)
        {
            log($"disk {Name}: {e.Message}; what the guest has written since its last flush may not be there yet");
        }
    }

    /// <summary>Closes the contents; as <see cref="Flush"/> where the host fails.</summary>
    public void Close(Action<string> log)
    {
        try
        {
            Backend.Dispose();
        }
        catch (IOException e)
        {
            log($"disk {Name}: {e.Message}; what the guest has written since its last flush may be lost");
        }
    }

    private static DiskCount Count(BlockCount count) => new(count.Requests, count.Bytes, count.Time);
}
