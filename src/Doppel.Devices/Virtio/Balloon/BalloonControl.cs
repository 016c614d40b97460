namespace Doppel.Devices.Virtio.Balloon;

/// <summary>
/// The host's side of a balloon: how much memory the guest should keep, and what it says of it. It outlives the device: after a reboot the next
/// one takes it over. Thread contract: any thread.
/// </summary>
public sealed class BalloonControl
{
    /// <summary>Size of what the balloon counts, in bytes, whatever pages the guest has (section 5.5.6).</summary>
    public const int PageBytes = 4096;

    private readonly ulong _memoryBytes;
    private readonly Lock _gate = new();
    private VirtioBalloon? _device;
    private ulong _target;

    /// <summary>Creates the control of a balloon that takes nothing.</summary>
    /// <param name="memoryBytes">Size of the guest's RAM in bytes.</param>
    public BalloonControl(ulong memoryBytes) => _memoryBytes = _target = memoryBytes;

    /// <summary>
    /// Memory that the guest is to keep, in bytes: what is beyond goes into the balloon as fast as the guest can spare it. A multiple of
    /// <see cref="PageBytes"/>, at most the size of RAM; other values are rounded.
    /// </summary>
    public ulong TargetBytes
    {
        get
        {
            lock (_gate) return _target;
        }

        set
        {
            VirtioBalloon? device;
            lock (_gate)
            {
                _target = Math.Min(value, _memoryBytes) & ~(ulong)(PageBytes - 1);
                device = _device;
            }
            device?.TargetChanged();
        }
    }

    /// <summary>Memory that the guest has now, in bytes, by its own word: the size of RAM without what is in the balloon.</summary>
    public ulong CurrentBytes
    {
        get
        {
            lock (_gate) return _memoryBytes - Math.Min(_memoryBytes, (_device?.ActualPages ?? 0) * (ulong)PageBytes);
        }
    }

    /// <summary>
    /// Memory that the guest has given back so far, asked or because it was free, in bytes; what was taken and given again counts again.
    /// </summary>
    public ulong GivenBackBytes
    {
        get
        {
            lock (_gate) return _device?.GivenBackBytes ?? 0;
        }
    }

    /// <summary>Asks the guest for its figures. Null if it has no driver for the balloon, or is paused.</summary>
    /// <param name="cancellationToken">Ends the wait for a guest that does not answer.</param>
    public Task<BalloonStatistics?> QueryAsync(CancellationToken cancellationToken = default)
    {
        VirtioBalloon? device;
        lock (_gate) device = _device;
        return device?.QueryAsync(cancellationToken) ?? Task.FromResult<BalloonStatistics?>(null);
    }

    /// <summary>Pages that are to be in the balloon.</summary>
    internal uint WantedPages
    {
        get
        {
            lock (_gate) return (uint)Math.Min((_memoryBytes - _target) / PageBytes, uint.MaxValue);
        }
    }

    internal void Attach(VirtioBalloon? device)
    {
        lock (_gate) _device = device;
    }
}
