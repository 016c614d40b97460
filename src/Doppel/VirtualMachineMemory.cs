using Doppel.Devices.Virtio.Balloon;

namespace Doppel;

/// <summary>
/// The memory of a machine while it runs: what the guest may keep of it, and what the host gives for it. Thread contract: all members from any
/// thread.
/// </summary>
public sealed class VirtualMachineMemory
{
    private readonly BalloonControl? _balloon;
    private readonly Func<Task<ulong>> _resident;

    internal VirtualMachineMemory(ulong bytes, BalloonControl? balloon, Func<Task<ulong>> resident) => (TotalBytes, _balloon, _resident) = (bytes, balloon, resident);

    /// <summary>Size of RAM in bytes.</summary>
    public ulong TotalBytes { get; }

    /// <summary>
    /// Memory that the guest is to keep, in bytes; at first all. With less, the guest gives back as much as it can spare, in its own time
    /// (<see cref="CurrentBytes"/> tells how far it is), and takes it again when this grows or programs would die for lack of memory.
    /// </summary>
    /// <exception cref="VirtualMachineException">The machine has no balloon.</exception>
    public ulong TargetBytes
    {
        get => Balloon.TargetBytes;
        set => Balloon.TargetBytes = value;
    }

    /// <summary>Memory that the guest has now, by its own word, in bytes: RAM without what is in the balloon.</summary>
    public ulong CurrentBytes => _balloon?.CurrentBytes ?? TotalBytes;

    /// <summary>Memory that the guest has given back so far, asked or unasked, in bytes; what was taken and given again counts again.</summary>
    public ulong GivenBackBytes => _balloon?.GivenBackBytes ?? 0;

    /// <summary>Tells how much host memory RAM takes now, in bytes; zero once the machine has ended. Costs a millisecond for each 256 MiB of RAM.</summary>
    public Task<ulong> MeasureHostBytesAsync() => _resident();

    /// <summary>Asks the guest for its own figures; null if it has no driver for the balloon, or is paused.</summary>
    /// <param name="cancellationToken">Ends the wait for a guest that does not answer.</param>
    /// <exception cref="VirtualMachineException">The machine has no balloon.</exception>
    public Task<BalloonStatistics?> QueryAsync(CancellationToken cancellationToken = default) => Balloon.QueryAsync(cancellationToken);

    private BalloonControl Balloon =>
        _balloon ?? throw new VirtualMachineException("The machine has no balloon; give it one with VirtualMachineConfig.Balloon.");
}
