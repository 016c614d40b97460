using Doppel.Boards;
using Doppel.Devices.Backends.Char;
using Doppel.Devices.Virtio.Balloon;
using Doppel.Devices.Virtio.Vsock;
using Doppel.Disks;
using Doppel.Networks;
using Doppel.Shares;
using Doppel.Sockets;

namespace Doppel.Consoles;

/// <summary>
/// Where the data of one machine's devices goes, for as long as the machine lives, reboots included. Thread contract: immutable.
/// </summary>
internal sealed class MachineBackends : IDisposable
{
    private readonly List<BoardDisk> _disks = [];
    private readonly List<BoardNetwork> _networks = [];
    private readonly List<BoardShare> _shares = [];
    private readonly Action<string> _log;
    private readonly VsockUnixFront? _front;
    private int _disposed;

    /// <summary>Opens files and sockets.</summary>
    /// <exception cref="VirtualMachineException">A file or socket cannot be opened.</exception>
    public MachineBackends(VirtualMachineConfig config)
    {
        _log = config.Log;
        try
        {
            foreach (DiskConfig disk in config.Disks) _disks.Add(DiskOpener.Open(disk, _disks.Count));
            for (int i = 0; i < config.Networks.Count; i++) _networks.Add(NetworkOpener.Open(config, i));
            for (int i = 0; i < config.Shares.Count; i++) _shares.Add(ShareOpener.Open(config.Shares, i));
            if (config.Vsock is { } vsock) Vsock = new VsockPort(new VsockHost(), vsock.GuestCid);
            _front = config.Vsock?.SocketPath is { } path ? OpenFront(path, Vsock!.Host) : null;
            if (config.Balloon) Balloon = new BalloonControl(config.MemoryBytes);
            Serial = Connect(config.Serial, Console);
        }
        catch
        {
            _front?.Dispose();
            foreach (BoardDisk disk in _disks) disk.Close(_log);
            foreach (BoardNetwork network in _networks) network.Dispose();
            foreach (BoardShare share in _shares) share.Dispose();
            throw;
        }
        ConsolePorts = [.. config.ConsolePorts.Select(static p => new VirtualMachinePort(p, new CharChannel()))];
        Ports = ConsolePorts.ToDictionary(static p => p.Name, StringComparer.Ordinal);
    }

    /// <summary>What the library itself reads of the serial port.</summary>
    public CharChannel Console { get; } = new();

    /// <summary>The other end of the guest's serial line.</summary>
    public ICharBackend Serial { get; }

    /// <summary>The host's end of the guest's sockets, and the guest's address; null if the machine has none.</summary>
    public VsockPort? Vsock { get; }

    /// <summary>The host's side of the memory balloon; null if the machine has none.</summary>
    public BalloonControl? Balloon { get; }

    /// <summary>Disks in order.</summary>
    public IReadOnlyList<BoardDisk> Disks => _disks;

    /// <summary>Networks in order.</summary>
    public IReadOnlyList<BoardNetwork> Networks => _networks;

    /// <summary>Shared folders in order.</summary>
    public IReadOnlyList<BoardShare> Shares => _shares;

    /// <summary>Ports of the console device in order.</summary>
    public IReadOnlyList<VirtualMachinePort> ConsolePorts { get; }

    /// <summary>Ports of the console device by name.</summary>
    public IReadOnlyDictionary<string, VirtualMachinePort> Ports { get; }

    /// <summary>Closes disks and networks, and ends all channels from the guest's side: readers get what is left and then the end.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        HangUp();
        foreach (BoardDisk disk in _disks) disk.Close(_log);
        foreach (BoardNetwork network in _networks) network.Dispose();
        foreach (BoardShare share in _shares) share.Dispose();
    }

    /// <summary>
    /// Ends all channels while the machine still runs. A machine in deterministic time that waits for a host which does not read goes on.
    /// </summary>
    public void HangUp()
    {
        Serial.Dispose();
        Vsock?.Host.Dispose();
        _front?.Dispose();
        foreach (VirtualMachinePort port in ConsolePorts) port.Channel.Dispose();
    }

    private static VsockUnixFront OpenFront(string path, VsockHost host)
    {
        try
        {
            return new VsockUnixFront(path, host);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or System.Net.Sockets.SocketException)
        {
            throw new VirtualMachineException($"vsock socket {path}: {e.Message}", e);
        }
    }

    private static ICharBackend Connect(SerialConfig serial, CharChannel console)
    {
        try
        {
            return serial.Kind switch
            {
                SerialKind.File => new SerialTee(StreamCharBackend.ToFile(serial.Path!), console),
                SerialKind.Socket => new SerialTee(new SocketCharBackend(serial.Path!), console),
                _ => console,
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or System.Net.Sockets.SocketException)
        {
            throw new VirtualMachineException($"--serial {serial.Path}: {e.Message}", e);
        }
    }
}
