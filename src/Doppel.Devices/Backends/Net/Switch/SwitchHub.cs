using System.Net.Sockets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.Switch;

/// <summary>
/// An Ethernet switch for machines of this host. It learns which address is behind which port and floods the rest; a machine that does not
/// keep up loses frames, and holds up nobody but, for a moment, who sends to it.
/// Whoever holds the lock file beside the socket is the switch; the lock is gone with its process, however that ends.
/// Thread contract: all members from any thread; each port has a thread.
/// </summary>
internal sealed class SwitchHub : IDisposable
{
    private const int MaxPorts = 256;
    // A machine may be a bridge for others, but one that makes addresses up must not fill the table for all.
    private const int MaxAddressesPerPort = 256;
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(20);

    private readonly Lock _gate = new();
    private readonly FileStream _lock;
    private readonly string _path;
    private readonly Socket _listener;
    private readonly Thread _acceptor;
    private readonly Dictionary<MacAddress, Port> _addresses = [];
    private Port[] _ports = [];
    private volatile bool _stopping;

    private SwitchHub(FileStream lockFile, Socket listener, string path)
    {
        _lock = lockFile;
        _listener = listener;
        _path = path;
        _acceptor = new Thread(Accept, maxStackSize: 256 << 10) { IsBackground = true, Name = "doppel-switch" };
        _acceptor.Start();
    }

    /// <summary>Becomes the switch at a path; null if somebody else is.</summary>
    /// <exception cref="IOException">The folder is not there, or something else is at the path.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder does not let us.</exception>
    internal static SwitchHub? TryCreate(string path)
    {
        FileStream? lockFile = TryLock(path + ".lock");
        if (lockFile is null) return null;
        Socket listener = SwitchWire.CreateSocket();
        try
        {
            if (IsLeftOver(path)) File.Delete(path);
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen(MaxPorts);
            return new SwitchHub(lockFile, listener, path);
        }
        catch (Exception e)
        {
            listener.Dispose();
            lockFile.Dispose();
            if (e is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse })
                throw new IOException("something is there that is no switch of Doppel's; give another path", e);
            if (e is SocketException) throw new IOException(e.Message, e);
            throw;
        }
    }

    /// <summary>Ends the switch; its machines find or make another.</summary>
    public void Dispose()
    {
        if (_stopping) return;
        _stopping = true;
        File.Delete(_path);
        Close(_listener);
        _acceptor.Join();
        Port[] ports;
        lock (_gate) ports = _ports;
        foreach (Port port in ports) Close(port.Socket);
        foreach (Port port in ports) port.Thread?.Join();
        _lock.Dispose();
    }

    // True for what a switch that died has left: a socket on which nobody listens any more.
    private static bool IsLeftOver(string path)
    {
        if (!HostFileKind.IsSocket(path)) return false;
        using Socket probe = SwitchWire.CreateSocket();
        probe.Blocking = false;
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionRefused;
        }
    }

    private static FileStream? TryLock(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not (DirectoryNotFoundException or PathTooLongException))
        {
            return null;
        }
    }

    // Whoever waits on a socket wakes up when it is shut down; closing alone leaves a thread waiting.
    private static void Close(Socket socket)
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It was not connected any more.
        }
        socket.Dispose();
    }

    private void Accept()
    {
        while (!_stopping)
        {
            try
            {
                Socket socket = _listener.Accept();
                socket.SendBufferSize = 1 << 20;
                Port port = new(socket);
                lock (_gate)
                {
                    if (_stopping || _ports.Length == MaxPorts)
                    {
                        socket.Dispose();
                        continue;
                    }
                    port.Thread = new Thread(() => Serve(port), maxStackSize: 256 << 10) { IsBackground = true, Name = "doppel-switch-port" };
                    _ports = [.. _ports, port];
                }
                port.Thread.Start();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // A client that has gone again, or the end.
            }
        }
    }

    private void Serve(Port port)
    {
        byte[] packet = new byte[SwitchWire.MaxPacket];
        int count = SwitchWire.Receive(port.Socket, packet);
        if (packet.AsSpan(0, count).SequenceEqual(SwitchWire.Hello))
        {
            while ((count = SwitchWire.Receive(port.Socket, packet)) != 0) Forward(port, packet.AsSpan(0, count));
        }
        lock (_gate)
        {
            _ports = [.. _ports.Where(p => p != port)];
            foreach (MacAddress address in _addresses.Where(e => e.Value == port).Select(static e => e.Key).ToArray()) _addresses.Remove(address);
        }
        port.Socket.Dispose();
    }

    private void Forward(Port from, ReadOnlySpan<byte> packet)
    {
        if (!VnetHeader.TryRead(packet, packet.Length - VnetHeader.Size, out _)) return;
        ReadOnlySpan<byte> frame = packet[VnetHeader.Size..];
        MacAddress to = MacAddress.Read(frame), source = MacAddress.Read(frame[MacAddress.Size..]);
        Port? known;
        Port[] ports;
        lock (_gate)
        {
            if (!source.IsGroup) Learn(source, from);
            known = to.IsGroup ? null : _addresses.GetValueOrDefault(to);
            ports = _ports;
        }
        if (known is not null)
        {
            if (known != from) known.Send(packet, s_patience);
            return;
        }
        foreach (Port port in ports)
        {
            if (port != from) port.Send(packet, TimeSpan.Zero);
        }
    }

    // A machine that moves to another port, or is two, is where it was heard last. The lock is held.
    private void Learn(MacAddress source, Port port)
    {
        bool known = _addresses.TryGetValue(source, out Port? before);
        if (before == port || port.Addresses >= MaxAddressesPerPort) return;
        if (known) before!.Addresses--;
        port.Addresses++;
        _addresses[source] = port;
    }

    private sealed class Port(Socket socket)
    {
        private readonly Lock _gate = new();

        internal Socket Socket { get; } = socket;

        internal Thread? Thread { get; set; }

        /// <summary>How many addresses are behind it; the switch's lock guards it.</summary>
        internal int Addresses { get; set; }

        // A connection that is over is noticed by the thread that reads from it.
        internal void Send(ReadOnlySpan<byte> packet, TimeSpan patience)
        {
            lock (_gate) SwitchWire.Send(Socket, packet, patience);
        }
    }
}
