namespace Doppel.Devices.Virtio.Queue;

/// <summary>All state of one virtqueue that is not in guest memory: plain data.</summary>
public struct VirtQueueState
{
    /// <summary>Elements, a power of two; zero while the driver has not chosen a valid size.</summary>
    public ushort Size;

    /// <summary>The driver lets the device use the queue.</summary>
    public bool Ready;

    /// <summary>Guest-physical addresses of the descriptor table, the available ring and the used ring.</summary>
    public ulong DescriptorTable, AvailableRing, UsedRing;

    /// <summary>Index of the next available element to take, and of the next used element to give back; both run free modulo 2^16.</summary>
    public ushort NextAvailable, NextUsed;

    /// <summary><see cref="NextUsed"/> when the driver was last considered for an interrupt; meaningful once <see cref="HasSignalled"/>.</summary>
    public ushort SignalledUsed;

    /// <summary>True once the driver was considered for an interrupt since the queue was made ready.</summary>
    public bool HasSignalled;

    /// <summary>Something was pushed since the driver was last considered for an interrupt.</summary>
    public bool HasNews;

    /// <summary>The driver broke the rules; the queue stands still until it is reset.</summary>
    public bool Broken;
}
