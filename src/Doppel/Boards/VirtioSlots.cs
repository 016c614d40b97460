using Doppel.Core.Bus;
using Doppel.Core.Memory;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Interrupts;
using Doppel.Devices.Virtio;
using Doppel.Devices.Virtio.Block;
using Doppel.Devices.Virtio.Console;
using Doppel.Devices.Virtio.Entropy;
using Doppel.Devices.Virtio.Transport;
using Doppel.Devices.Virtio.Vsock;

namespace Doppel.Boards;

/// <summary>
/// The virtio devices of a board: disks from the first slot on, so that the guest's names follow the configuration, sockets, console and
/// entropy in the last ones; slots in between are empty. Thread contract: one owner.
/// </summary>
internal sealed class VirtioSlots : IDisposable
{
    private static readonly ConsoleSize s_size = new(80, 24);

    private readonly List<IVirtioDevice> _devices = [];
    private readonly VirtioConsole? _console;

    /// <summary>Creates the devices and puts all slots on the bus.</summary>
    public VirtioSlots(VirtualMachineConfig config, BoardConnections connections, GuestMemory memory, MachineTime time, (MmioBus Bus, Plic Plic) board)
    {
        int last = RiscVVirtMap.VirtioSlots - 1;
        IVirtioDevice?[] slots = new IVirtioDevice?[RiscVVirtMap.VirtioSlots];
        int disk = 0;
        foreach (IBlockBackend backend in connections.Disks) slots[disk] = new VirtioBlock(backend, $"doppel-{disk++}", time, connections.Log);
        slots[last] = new VirtioEntropy(config.Time == TimePolicy.RealTime ? EntropySources.Host : EntropySources.CreateSeeded(config.Seed));
        if (connections.Ports.Count > 0) slots[last - 1] = _console = new VirtioConsole(connections.Ports, s_size, time);
        if (connections.Vsock is { } vsock) slots[last - 2] = new VirtioVsock(vsock.Host, vsock.GuestCid, time);
        for (int i = 0; i < slots.Length; i++)
        {
            BoardSlot slot = RiscVVirtMap.Virtio(i);
            IMmioDevice transport = slots[i] is { } device
                ? new VirtioMmioTransport(device, board.Plic.CreateInput(slot.Irq), memory, connections.Log) : new EmptyVirtioMmio();
            board.Bus.Attach(slot.ToWindow(), transport);
            if (slots[i] is { } used) _devices.Add(used);
        }
    }

    /// <summary>True while the host has not taken all that the guest has sent through its ports.</summary>
    public bool HasPendingOutput => _console?.HasPendingOutput ?? false;

    /// <summary>Tells the guest the size of its terminal.</summary>
    public void Resize(int columns, int rows) =>
        _console?.Resize(new ConsoleSize((ushort)Math.Clamp(columns, 1, ushort.MaxValue), (ushort)Math.Clamp(rows, 1, ushort.MaxValue)));

    /// <summary>Finishes what is under way.</summary>
    public void Dispose()
    {
        foreach (IVirtioDevice device in _devices) device.Dispose();
    }
}
