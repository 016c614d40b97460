using Doppel.Core.Memory;
using Doppel.Devices.Virtio.Transport;

namespace Doppel.UnitTests.Devices;

/// <summary>The driver's side of one split virtqueue, written from virtio 1.2 section 2.7 and not from the device's code.</summary>
internal sealed class DriverQueue
{
    private readonly GuestMemory _memory;
    private readonly VirtioMmioTransport _transport;
    private readonly int _index;
    private ushort _nextDescriptor;
    private ushort _available;
    private ushort _usedSeen;

    internal DriverQueue(GuestMemory memory, VirtioMmioTransport transport, int index, ushort size, ulong area)
    {
        _memory = memory;
        _transport = transport;
        _index = index;
        Size = size;
        Table = area;
        Available = area + (16UL * size);
        Used = (Available + 6 + (2UL * size) + 3) & ~3UL;
        transport.Write32(0x030, (uint)index);
        transport.Write32(0x038, size);
        SetAddress(0x080, Table);
        SetAddress(0x090, Available);
        SetAddress(0x0A0, Used);
        transport.Write32(0x044, 1);
    }

    internal ushort Size { get; }

    internal ulong Table { get; }

    internal ulong Available { get; }

    internal ulong Used { get; }

    /// <summary>Writes one descriptor of any table.</summary>
    internal void Describe(ulong table, int slot, ulong address, uint length, int flags, int next)
    {
        ulong at = table + (16UL * (uint)slot);
        _memory.TryWrite(at, address);
        _memory.TryWrite(at + 8, length);
        _memory.TryWrite(at + 12, (ushort)flags);
        _memory.TryWrite(at + 14, (ushort)next);
    }

    /// <summary>Chains the buffers and makes them available, without notifying.</summary>
    internal ushort Add(params ReadOnlySpan<(ulong Address, int Length, bool Writable)> buffers)
    {
        ushort head = _nextDescriptor;
        for (int i = 0; i < buffers.Length; i++)
        {
            bool last = i == buffers.Length - 1;
            int next = (head + i + 1) % Size;
            Describe(Table, (head + i) % Size, buffers[i].Address, (uint)buffers[i].Length, (last ? 0 : 1) | (buffers[i].Writable ? 2 : 0), next);
        }
        _nextDescriptor = (ushort)((head + buffers.Length) % Size);
        Publish(head);
        return head;
    }

    /// <summary>Makes any descriptor available.</summary>
    internal void Publish(ushort head)
    {
        _memory.TryWrite(Available + 4 + (2UL * (uint)(_available % Size)), head);
        _memory.TryWrite(Available + 2, ++_available);
    }

    internal void Notify() => _transport.Write32(0x050, (uint)_index);

    internal bool TryGetUsed(out uint head, out uint length)
    {
        _memory.TryRead(Used + 2, out ushort used);
        ulong element = Used + 4 + (8UL * (uint)(_usedSeen % Size));
        _memory.TryRead(element, out head);
        _memory.TryRead(element + 4, out length);
        if (used == _usedSeen) return false;
        _usedSeen++;
        return true;
    }

    private void SetAddress(ulong register, ulong value)
    {
        _transport.Write32(register, (uint)value);
        _transport.Write32(register + 4, (uint)(value >> 32));
    }
}
