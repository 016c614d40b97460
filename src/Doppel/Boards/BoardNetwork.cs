using Doppel.Core.Time;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Virtio.Net;

namespace Doppel.Boards;

/// <summary>A network of a board, as the host provides it.</summary>
/// <param name="Port">Where the device is plugged in.</param>
/// <param name="Mac">Address of the guest.</param>
/// <param name="Config">The configuration.</param>
/// <param name="Capture">Where its frames are written down, or null.</param>
internal sealed record BoardNetwork(NetPort Port, MacAddress Mac, NetworkConfig Config, PcapWriter? Capture) : IDisposable
{
    /// <summary>How bad it is, or null.</summary>
    public NetImpairmentOptions? Impairment { get; init; }

    /// <summary>Creates the device with what is to stand between it and its port.</summary>
    /// <param name="time">The board's time.</param>
    /// <param name="log">Receives one line when the guest's driver is to blame for something.</param>
    /// <param name="stages">Receives what the board has to dispose after the device.</param>
    public VirtioNet CreateDevice(MachineTime time, Action<string> log, List<IDisposable> stages)
    {
        INetBackend backend = Port;
        if (Impairment is { IsNone: false }) stages.Add(backend = new NetImpairment(backend, Impairment, time));
        if (Capture is not null) stages.Add(backend = new NetCapture(backend, Capture, time));
        return new VirtioNet(backend, Mac, Config.QueuePairs, time, log);
    }

    /// <summary>Ends the network.</summary>
    public void Dispose()
    {
        Port.Dispose();
        Capture?.Dispose();
    }
}
