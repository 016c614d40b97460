using Doppel.Host;

namespace Doppel.Devices.Backends.Net;

/// <summary>
/// A network interface of the host (TAP): the host's kernel routes or bridges what the guest sends. Frames that are left to checksum or to
/// cut stay so on their way. Thread contract: as <see cref="INetBackend"/>; frames from the host arrive on a thread of its own.
/// </summary>
public sealed class TapNetBackend : INetBackend
{
    private readonly HostTap _tap;
    private readonly Action<string> _log;
    private readonly HostEvent _stop = new();
    private readonly HostEvent _ready = new();
    private readonly byte[] _packet = new byte[VnetHeader.MaxFrame + VnetHeader.Size];
    private readonly bool _takesUdp;
    private INetReceiver? _device;
    private Thread? _reader;
    private volatile bool _stopping;

    /// <summary>Opens the interface.</summary>
    /// <param name="name">Its name; <c>%d</c> in it stands for a free number.</param>
    /// <param name="log">Receives one line when the interface goes away.</param>
    /// <exception cref="IOException">The host does not let us; the message says what to type.</exception>
    public TapNetBackend(string name, Action<string> log)
    {
        _log = log;
        _tap = HostTap.Open(name);
        _takesUdp = _tap.TrySetOffloads(checksum: true, tcp4: true, tcp6: true, udp: true);
        _tap.TrySetOffloads(checksum: false, tcp4: false, tcp6: false, udp: false);
    }

    /// <summary>Name of the interface.</summary>
    public string Name => _tap.Name;

    /// <inheritdoc/>
    public NetCapabilities Capabilities => NetCapabilities.All with { Udp = _takesUdp };

    /// <inheritdoc/>
    public void Attach(INetReceiver device)
    {
        _device = device;
        _reader = new Thread(Read, maxStackSize: 256 << 10) { IsBackground = true, Name = $"doppel-{Name}" };
        _reader.Start();
    }

    /// <inheritdoc/>
    public void Transmit(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        VnetHeader.Write(offload, _packet);
        frame.CopyTo(_packet.AsSpan(VnetHeader.Size));
        // What the host does not take is lost, as on any network.
        _tap.Write(_packet.AsSpan(0, VnetHeader.Size + frame.Length));
    }

    /// <inheritdoc/>
    public void ReceiveReady() => _ready.Set();

    /// <inheritdoc/>
    public void ReceiverChanged()
    {
        NetCapabilities takes = _device!.Capabilities;
        _tap.TrySetOffloads(takes.Checksum, takes.Tcp4, takes.Tcp6, takes.Udp && _takesUdp);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_stopping) return;
        _stopping = true;
        _stop.Set();
        _ready.Set();
        _reader?.Join();
        _tap.Dispose();
        _stop.Dispose();
        _ready.Dispose();
    }

    private void Read()
    {
        byte[] packet = new byte[VnetHeader.MaxFrame + VnetHeader.Size];
        while (_tap.WaitReadable(_stop))
        {
            int count;
            while (!_stopping && (count = _tap.Read(packet)) != 0)
            {
                if (count < 0)
                {
                    _log($"--network tap,ifname={Name}: somebody has deleted the interface; the guest's cable leads nowhere");
                    return;
                }
                Deliver(packet.AsSpan(0, count));
            }
        }
    }

    private void Deliver(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < VnetHeader.Size || !VnetHeader.TryRead(packet, packet.Length - VnetHeader.Size, out NetOffload offload)) return;
        // While the guest has no room, what follows waits in the host's queue, which drops what is too much.
        while (!_stopping && !_device!.TryReceive(packet[VnetHeader.Size..], offload)) _ready.Wait(-1);
    }
}
