using Doppel.Devices.Backends.Net.User.Tcp;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>A far end of a connection that keeps what the guest sends and sends what it is given.</summary>
internal sealed class MemoryRemote(TcpConnection connection, byte[] outgoing) : ITcpRemote
{
    private int _sent;

    internal TcpConnection Connection => connection;

    internal List<byte> Received { get; } = [];

    /// <summary>How many bytes it takes before it is full.</summary>
    internal int Room { get; set; } = int.MaxValue;

    internal bool Ended { get; private set; }

    internal bool? ClosedByReset { get; private set; }

    /// <summary>True to end its own half after the last byte.</summary>
    internal bool Ends { get; set; } = true;

    public bool IsConnected => false;

    public int Write(ReadOnlySpan<byte> data)
    {
        int count = Math.Min(Room, data.Length);
        Room -= count;
        Received.AddRange(data[..count]);
        return count;
    }

    public void EndWrite() => Ended = true;

    public RemoteRead Read(Span<byte> buffer, out int count)
    {
        count = Math.Min(buffer.Length, outgoing.Length - _sent);
        outgoing.AsSpan(_sent, count).CopyTo(buffer);
        _sent += count;
        return count > 0 ? RemoteRead.Data : Ends ? RemoteRead.End : RemoteRead.Nothing;
    }

    public void Close(bool reset) => ClosedByReset = reset;
}
