using System.Runtime.InteropServices;
using Doppel.Core.Memory;

namespace Doppel.Devices.Virtio.Queue;

/// <summary>
/// The device's side of a split virtqueue (virtio 1.2, section 2.7; section numbers here are that document's). The driver is not
/// trusted: each of its fields is read once, and what breaks the rules stops the queue and reports why.
/// Thread contract: hold <see cref="Gate"/> for every member; it may be held during a request, and a reset waits for it.
/// </summary>
public sealed class VirtQueue
{
    private const ushort DescriptorNext = 1, DescriptorWrite = 2, DescriptorIndirect = 4;
    private const ushort NoInterrupt = 1, NoNotify = 1;
    private const ulong DescriptorSize = 16;

    private readonly GuestMemory _memory;
    private readonly Action<string> _fail;
    private VirtQueueState _state;
    private bool _useIndirect;
    private bool _useEventIndex;
    private int _generation;

    /// <summary>Creates a queue that is not ready.</summary>
    /// <param name="memory">Guest memory.</param>
    /// <param name="maxSize">Most elements, a power of two.</param>
    /// <param name="fail">Called once with a reason when the driver breaks the rules.</param>
    internal VirtQueue(GuestMemory memory, ushort maxSize, Action<string> fail)
    {
        _memory = memory;
        MaxSize = maxSize;
        _fail = fail;
        _state.Size = maxSize;
    }

    /// <summary>What the thread that works on the queue holds.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Most elements that the driver may ask for.</summary>
    public ushort MaxSize { get; }

    /// <summary>The state: the transport sets addresses and size, this class the rest.</summary>
    internal ref VirtQueueState State => ref _state;

    private bool IsRunning => _state.Ready && !_state.Broken;

    private ulong UsedEventAddress => _state.AvailableRing + 4 + (2UL * _state.Size);

    private ulong AvailableEventAddress => _state.UsedRing + 4 + (8UL * _state.Size);

    /// <summary>Takes the next request.</summary>
    /// <param name="chain">Receives it.</param>
    /// <returns>False when there is none, or the queue does not run.</returns>
    public bool TryPop(VirtQueueChain chain)
    {
        if (!IsRunning) return false;
        if (!TryReadAvailableIndex(out ushort available)) return false;
        int waiting = (ushort)(available - _state.NextAvailable);
        if (waiting == 0) return false;
        if (waiting > _state.Size) return Fail("the available index runs ahead of the queue");
        // The ring's entries were written before its index.
        Volatile.ReadBarrier();
        ulong slot = _state.AvailableRing + 4 + (2UL * (ushort)(_state.NextAvailable & (_state.Size - 1)));
        if (!_memory.TryRead(slot, out ushort head)) return Fail("the available ring lies outside guest memory");
        if (head >= _state.Size) return Fail("the available ring names a descriptor outside the table");
        chain.Begin(head, _generation);
        if (!ReadChain(head, chain)) return false;
        _state.NextAvailable++;
        return true;
    }

    /// <summary>Gives a request back to the driver. Ignored if the queue was reset since the request was taken.</summary>
    /// <param name="chain">The request.</param>
    /// <param name="written">Bytes written, from the front of the writable part.</param>
    public void Push(VirtQueueChain chain, uint written) => Push([chain], [written]);

    /// <summary>Gives requests back to the driver, which sees all of them or none. Ignored if the queue was reset since they were taken.</summary>
    /// <param name="chains">The requests.</param>
    /// <param name="written">Bytes written to each, from the front of its writable part.</param>
    public void Push(ReadOnlySpan<VirtQueueChain> chains, ReadOnlySpan<uint> written)
    {
        for (int i = 0; i < chains.Length; i++)
        {
            if (!IsRunning || chains[i].Generation != _generation) return;
            chains[i].MarkWritten();
            ulong slot = _state.UsedRing + 4 + (8UL * (ushort)((_state.NextUsed + i) & (_state.Size - 1)));
            if (_memory.TryWrite(slot, chains[i].Head | ((ulong)written[i] << 32))) continue;
            Fail("the used ring lies outside guest memory");
            return;
        }
        // Data and elements before the index (section 2.7.8.2).
        Volatile.WriteBarrier();
        _state.NextUsed += (ushort)chains.Length;
        _state.HasNews = true;
        if (!_memory.TryWrite(_state.UsedRing + 2, _state.NextUsed)) Fail("the used ring lies outside guest memory");
    }

    /// <summary>Leaves the requests that were taken last, and not given back, for later.</summary>
    public void Rewind(int count)
    {
        if (IsRunning) _state.NextAvailable -= (ushort)count;
    }

    /// <summary>True if a request waits to be taken.</summary>
    public bool HasRequests => IsRunning && TryReadAvailableIndex(out ushort available) && available != _state.NextAvailable;

    /// <summary>True while a request that was taken is still the device's: until the queue is reset.</summary>
    public bool Owns(VirtQueueChain chain) => _state.Ready && chain.Generation == _generation;

    /// <summary>Decides whether the driver wants an interrupt for what was pushed since this was last asked (section 2.7.7).</summary>
    public bool NeedsSignal()
    {
        if (!IsRunning || !_state.HasNews) return false;
        _state.HasNews = false;
        // The index must be visible before the driver's wish is read, or both sides may go to sleep.
        Interlocked.MemoryBarrier();
        if (!_useEventIndex) return _memory.TryRead(_state.AvailableRing, out ushort flags) && (flags & NoInterrupt) == 0;
        ushort before = _state.SignalledUsed, now = _state.NextUsed;
        bool known = _state.HasSignalled;
        _state.SignalledUsed = now;
        _state.HasSignalled = true;
        if (!_memory.TryRead(UsedEventAddress, out ushort wanted)) return false;
        return !known || (ushort)(now - wanted - 1) < (ushort)(now - before);
    }

    /// <summary>Asks the driver not to notify, while the device looks at the queue anyway (section 2.7.10).</summary>
    public void DisableNotifications()
    {
        // With an event index there is nothing to do: the driver notifies only when it passes the index that was set last.
        if (IsRunning && !_useEventIndex) _memory.TryWrite(_state.UsedRing, NoNotify);
    }

    /// <summary>Asks the driver to notify of the next request.</summary>
    /// <param name="known">Requests that wait, and of which the device knows that it has to wait for more.</param>
    /// <returns>True if there is no request beyond those; false if one came in meanwhile, of which the driver may not notify.</returns>
    public bool EnableNotifications(int known = 0)
    {
        if (!IsRunning) return true;
        ushort next = (ushort)(_state.NextAvailable + known);
        if (_useEventIndex) _memory.TryWrite(AvailableEventAddress, next);
        else _memory.TryWrite(_state.UsedRing, (ushort)0);
        // The wish must be visible before the index is read again, or both sides may go to sleep.
        Interlocked.MemoryBarrier();
        return !TryReadAvailableIndex(out ushort available) || available == next;
    }

    /// <summary>Stops the queue for a request that the device can not make sense of.</summary>
    /// <returns>False, always.</returns>
    public bool Fail(string reason)
    {
        if (_state.Broken) return false;
        _state.Broken = true;
        _fail(reason);
        return false;
    }

    /// <summary>The driver's features, agreed before the queue is ready.</summary>
    internal void SetFeatures(ulong features)
    {
        _useIndirect = (features & VirtioFeatures.IndirectDescriptors) != 0;
        _useEventIndex = (features & VirtioFeatures.EventIndex) != 0;
    }

    /// <summary>Back to the state before the driver found the queue. Requests that were taken are forgotten.</summary>
    internal void Reset()
    {
        _state = new VirtQueueState { Size = MaxSize };
        _generation++;
    }

    private bool TryReadAvailableIndex(out ushort index) =>
        _memory.TryRead(_state.AvailableRing + 2, out index) || Fail("the available ring lies outside guest memory");

    // A table can not have more descriptors in one chain than it has entries, so a chain that is longer loops.
    private bool ReadChain(ushort head, VirtQueueChain chain)
    {
        ulong table = _state.DescriptorTable;
        uint entries = _state.Size, left = entries;
        bool isIndirect = false;
        uint index = head;
        while (left-- != 0)
        {
            if (!_memory.TryRead(table + (index * DescriptorSize), out Descriptor descriptor))
                return Fail("a descriptor table lies outside guest memory");
            if ((descriptor.Flags & DescriptorIndirect) != 0)
            {
                if (isIndirect || !_useIndirect || !IsValidIndirect(descriptor)) return Fail("an indirect descriptor is not valid");
                isIndirect = true;
                table = descriptor.Address;
                entries = left = (uint)(descriptor.Length / DescriptorSize);
                index = 0;
                continue;
            }
            if (chain.Append(descriptor.Address, descriptor.Length, (descriptor.Flags & DescriptorWrite) != 0) is { } problem) return Fail(problem);
            if ((descriptor.Flags & DescriptorNext) == 0) return true;
            index = descriptor.Next;
            if (index >= entries) return Fail("a descriptor names a next one outside its table");
        }
        return Fail("a descriptor chain loops");
    }

    // Section 2.7.5.3: not both next and indirect; a whole number of descriptors.
    private static bool IsValidIndirect(in Descriptor descriptor) =>
        (descriptor.Flags & DescriptorNext) == 0 && descriptor.Length != 0 && descriptor.Length % DescriptorSize == 0
        && descriptor.Length / DescriptorSize <= VirtQueueChain.MaxSegments;

    // Section 2.7.5.
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Descriptor
    {
        internal readonly ulong Address;
        internal readonly uint Length;
        internal readonly ushort Flags;
        internal readonly ushort Next;
    }
}
