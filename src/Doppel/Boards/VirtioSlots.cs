using Doppel.Core.Bus;
using Doppel.Core.Memory;
using Doppel.Core.Time;
using Doppel.Devices.Interrupts;
using Doppel.Devices.Virtio;
using Doppel.Devices.Virtio.Balloon;
using Doppel.Devices.Virtio.Console;
using Doppel.Devices.Virtio.Entropy;
using Doppel.Devices.Virtio.Transport;
using Doppel.Devices.Virtio.Vsock;

namespace Doppel.Boards;

/// <summary>
/// The virtio devices of a board: disks from the first slot on, so that the guest's names follow the configuration, sockets, console and
/// entropy in the last classic ones, everything else behind these; classic slots without a device are empty. Thread contract: one owner.
/// </summary>
internal sealed class VirtioSlots : IDisposable
{
    private static readonly ConsoleSize s_size = new(80, 24);

    private readonly IVirtioDevice?[] _slots = new IVirtioDevice?[RiscVVirtMap.VirtioSlots];
    private readonly List<IDisposable> _stages = [];
    private readonly IReadOnlyList<BoardNetwork> _networks;
    private readonly VirtioConsole? _console;

    /// <summary>Creates the devices and puts all slots on the bus.</summary>
    public VirtioSlots(VirtualMachineConfig config, BoardConnections connections, GuestMemory memory, MachineTime time, (MmioBus Bus, Plic Plic) board)
    {
        _networks = connections.Networks;
        int last = RiscVVirtMap.ClassicVirtioSlots - 1;
        _slots[last] = new VirtioEntropy(config.Time == TimePolicy.RealTime ? EntropySources.Host : EntropySources.CreateSeeded(config.Seed));
        if (connections.Ports.Count > 0) _slots[last - 1] = _console = new VirtioConsole(connections.Ports, s_size, time);
        if (connections.Vsock is { } vsock) _slots[last - 2] = new VirtioVsock(vsock.Host, vsock.GuestCid, time);
        foreach (BoardNetwork network in connections.Networks)
            Place(RiscVVirtMap.ClassicVirtioSlots, network.CreateDevice(time, connections.Log, _stages));
        foreach (BoardShare share in connections.Shares) Place(RiscVVirtMap.ClassicVirtioSlots, share.CreateDevice(time));
        if (connections.Balloon is { } balloon) Place(RiscVVirtMap.ClassicVirtioSlots, new VirtioBalloon(balloon, connections.Log));
        foreach (BoardDisk disk in connections.Disks) Place(0, disk.CreateDevice(time, connections.Log));
        for (int i = 0; i < _slots.Length; i++)
        {
            BoardSlot slot = RiscVVirtMap.Virtio(i);
            if (_slots[i] is { } device)
                board.Bus.Attach(slot.ToWindow(), new VirtioMmioTransport(device, board.Plic.CreateInput(slot.Irq), memory, connections.Log));
            else if (i < RiscVVirtMap.ClassicVirtioSlots)
                board.Bus.Attach(slot.ToWindow(), new EmptyVirtioMmio());
        }
    }

    /// <summary>Slots with a device behind the classic ones.</summary>
    public int[] ExtraSlots => [.. Enumerable.Range(0, _slots.Length).Where(i => i >= RiscVVirtMap.ClassicVirtioSlots && _slots[i] is not null)];

    /// <summary>True while the host has not taken all that the guest has sent through its ports.</summary>
    public bool HasPendingOutput => _console?.HasPendingOutput ?? false;

    /// <summary>Tells the guest the size of its terminal.</summary>
    public void Resize(int columns, int rows) =>
        _console?.Resize(new ConsoleSize((ushort)Math.Clamp(columns, 1, ushort.MaxValue), (ushort)Math.Clamp(rows, 1, ushort.MaxValue)));

    /// <summary>Returns when the devices have ended what they had begun; the guest and its time stand still.</summary>
    public void Quiesce()
    {
        foreach (IVirtioDevice? device in _slots) device?.Quiesce();
    }

    /// <summary>The guest and its time are about to go on.</summary>
    public void Resume()
    {
        foreach (IVirtioDevice? device in _slots) device?.Resume();
    }

    /// <summary>Finishes what is under way.</summary>
    public void Dispose()
    {
        foreach (IVirtioDevice? device in _slots) device?.Dispose();
        foreach (BoardNetwork network in _networks) network.Detach();
        foreach (IDisposable stage in _stages) stage.Dispose();
    }

    // The configuration was checked to fit.
    private void Place(int first, IVirtioDevice device) => _slots[Array.IndexOf(_slots, null, first)] = device;
}
