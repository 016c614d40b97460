namespace Doppel.Devices.Virtio.Vsock;

/// <summary>
/// The connections of a device by their two ports, and the line of those that have something to send, served in turn so that none starves.
/// Thread contract: the device's lock.
/// </summary>
internal sealed class VsockTable
{
    /// <summary>Most connections at a time. A guest that opens more is refused.</summary>
    internal const int MaxConnections = 1024;

    // Ports below are for services.
    private const uint FirstEphemeral = 0x4000_0000;

    private readonly Dictionary<(uint Host, uint Guest), VsockConnection> _connections = [];
    private readonly Queue<VsockConnection> _line = new();
    private uint _nextPort = FirstEphemeral;

    internal int Count => _connections.Count;

    internal bool HasRoom => _connections.Count < MaxConnections;

    internal VsockConnection? Find(uint hostPort, uint guestPort) => _connections.GetValueOrDefault((hostPort, guestPort));

    /// <summary>Takes in a connection that the host dials, from a port that is free.</summary>
    internal void AddDialled(VsockConnection connection)
    {
        do
        {
            connection.HostPort = _nextPort;
            _nextPort = _nextPort == uint.MaxValue - 1 ? FirstEphemeral : _nextPort + 1;
        }
        while (!_connections.TryAdd((connection.HostPort, connection.GuestPort), connection));
    }

    internal void Add(VsockConnection connection) => _connections.Add((connection.HostPort, connection.GuestPort), connection);

    internal void Remove(VsockConnection connection)
    {
        if (Find(connection.HostPort, connection.GuestPort) == connection) _connections.Remove((connection.HostPort, connection.GuestPort));
    }

    /// <summary>Puts a connection in line if it has a packet and is not there yet.</summary>
    internal void LineUp(VsockConnection connection)
    {
        if (connection.IsInLine || !connection.HasPacket) return;
        connection.IsInLine = true;
        _line.Enqueue(connection);
    }

    /// <summary>True if a connection in line has a packet; those that lost theirs leave the line.</summary>
    internal bool HasLine
    {
        get
        {
            while (_line.TryPeek(out VsockConnection? connection))
            {
                if (connection.HasPacket) return true;
                Next();
            }
            return false;
        }
    }

    /// <summary>The first in line; it leaves the line. Ask <see cref="HasLine"/> first.</summary>
    internal VsockConnection Next()
    {
        VsockConnection connection = _line.Dequeue();
        connection.IsInLine = false;
        return connection;
    }

    /// <summary>Ends all connections.</summary>
    internal void CloseAll(string reason)
    {
        foreach (VsockConnection connection in _connections.Values) connection.Close(reason);
        _connections.Clear();
        _line.Clear();
    }
}
