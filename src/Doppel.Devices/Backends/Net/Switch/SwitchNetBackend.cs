using System.Net.Sockets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.Switch;

/// <summary>
/// A cable to the switch that machines of this host share, in one process or in several: the first one at a path is the switch, and when that
/// one goes, another takes its place and the rest connect anew. Frames that are left to checksum or to cut stay so between machines that
/// agree; for others they are completed here. Thread contract: as <see cref="INetBackend"/>; frames arrive on a thread of its own.
/// </summary>
public sealed class SwitchNetBackend : INetBackend
{
    private const int FirstPauseMs = 5, LongestPauseMs = 200;
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(50);

    private readonly string _path;
    private readonly Action<string> _log;
    private readonly HostEvent _ready = new();
    private readonly HostEvent _stop = new();
    private readonly Lock _hubGate = new();
    private readonly byte[] _packet = new byte[SwitchWire.MaxPacket];
    private readonly NetSegmenter _segmenter = new();
    private volatile Socket? _socket;
    private volatile bool _stopping;
    private SwitchHub? _hub;
    private INetReceiver? _device;
    private Thread? _reader;

    /// <summary>Connects to the switch at a path, or becomes it.</summary>
    /// <param name="path">Path of a Unix domain socket, at most 107 bytes long.</param>
    /// <param name="log">Receives one line when the switch can not be reached any more.</param>
    /// <exception cref="IOException">Neither can be done; the message says why.</exception>
    public SwitchNetBackend(string path, Action<string> log)
    {
        if (!SwitchWire.Fits(path)) throw new IOException("the path of a socket has 1 to 107 bytes; give a shorter one, as in /tmp/net.sock");
        _path = path;
        _log = log;
        try
        {
            for (int pauseMs = FirstPauseMs; !TryConnect() && pauseMs < LongestPauseMs; pauseMs *= 2) _stop.Wait(pauseMs * 1_000_000L);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"permission denied; {e.Message}", e);
        }
        if (_socket is null) throw new IOException("something is there that is no switch of Doppel's; give another path");
    }

    /// <inheritdoc/>
    public NetCapabilities Capabilities => NetCapabilities.All;

    /// <summary>True if this end is the switch.</summary>
    internal bool IsSwitch
    {
        get
        {
            lock (_hubGate) return _hub is not null;
        }
    }

    /// <inheritdoc/>
    public void Attach(INetReceiver device)
    {
        _device = device;
        _reader = new Thread(Read, maxStackSize: 256 << 10) { IsBackground = true, Name = "doppel-cable" };
        _reader.Start();
    }

    /// <inheritdoc/>
    public void Transmit(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        if (_socket is not { } socket) return;
        VnetHeader.Write(offload, _packet);
        frame.CopyTo(_packet.AsSpan(VnetHeader.Size));
        // A switch that has gone is noticed by the thread that reads.
        SwitchWire.Send(socket, _packet.AsSpan(0, VnetHeader.Size + frame.Length), s_patience);
    }

    /// <inheritdoc/>
    public void ReceiveReady() => _ready.Set();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_stopping) return;
        _stopping = true;
        _stop.Set();
        _ready.Set();
        ShutDown(_socket);
        _reader?.Join();
        lock (_hubGate) _hub?.Dispose();
        _socket?.Dispose();
        _ready.Dispose();
        _stop.Dispose();
    }

    private static void ShutDown(Socket? socket)
    {
        try
        {
            socket?.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It was over already.
        }
    }

    // True if there is a connection now. Otherwise the switch is about to come or to go.
    private bool TryConnect()
    {
        lock (_hubGate)
        {
            if (_stopping) return false;
            _hub ??= SwitchHub.TryCreate(_path);
        }
        Socket socket = SwitchWire.CreateSocket();
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(_path));
            socket.Send(SwitchWire.Hello);
            _socket = socket;
            // Whoever closes this end either sees the socket, or is seen here.
            if (_stopping) ShutDown(socket);
            return true;
        }
        catch (SocketException)
        {
            socket.Dispose();
            return false;
        }
    }

    private void Read()
    {
        byte[] packet = new byte[SwitchWire.MaxPacket];
        NetFrameHandler deliver = Deliver;
        while (!_stopping)
        {
            Socket socket = _socket!;
            int count;
            while ((count = SwitchWire.Receive(socket, packet)) != 0)
            {
                if (VnetHeader.TryRead(packet, count - VnetHeader.Size, out NetOffload offload))
                    _segmenter.Send(packet.AsSpan(VnetHeader.Size, count - VnetHeader.Size), offload, _device!.Capabilities, deliver);
            }
            _socket = null;
            socket.Dispose();
            if (!Reconnect()) return;
        }
    }

    private void Deliver(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        // While the guest has no room, what follows waits in the socket, and the switch drops what is too much.
        while (!_stopping && !_device!.TryReceive(frame, offload)) _ready.Wait(-1);
    }

    private bool Reconnect()
    {
        bool hasLogged = false;
        for (int pauseMs = FirstPauseMs; !_stopping; pauseMs = Math.Min(2 * pauseMs, LongestPauseMs))
        {
            try
            {
                if (TryConnect()) return true;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                if (!hasLogged) _log($"--network socket,path={_path}: the switch has gone, and no other can be made: {e.Message}");
                hasLogged = true;
            }
            _stop.Wait(pauseMs * 1_000_000L);
        }
        return false;
    }
}
