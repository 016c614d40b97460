using System.Net.Sockets;
using System.Text;

namespace Doppel.Devices.Backends.Net.Switch;

/// <summary>
/// How machines and their switch talk: packets over a Unix domain socket that keeps their boundaries. The first packet of a machine is
/// <see cref="Hello"/>; each one after it, either way, is a header of virtio and a frame.
/// </summary>
internal static class SwitchWire
{
    /// <summary>Longest packet.</summary>
    internal const int MaxPacket = VnetHeader.Size + VnetHeader.MaxFrame;

    // The kernel counts its own overhead too; this is room for a few of the longest packets.
    private const int SendBuffer = 1 << 20;

    /// <summary>What a machine says first.</summary>
    internal static ReadOnlySpan<byte> Hello => "doppel switch 1"u8;

    internal static Socket CreateSocket() => new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified) { SendBufferSize = SendBuffer };

    /// <summary>Sends a packet, or loses it where the receiver does not keep up.</summary>
    /// <param name="socket">A connected socket, on which nobody else sends now.</param>
    /// <param name="packet">The packet.</param>
    /// <param name="patience">Longest time to wait for room.</param>
    /// <returns>False if the connection is over.</returns>
    internal static bool Send(Socket socket, ReadOnlySpan<byte> packet, TimeSpan patience)
    {
        try
        {
            if (!socket.Poll(patience, SelectMode.SelectWrite)) return true;
            socket.Send(packet, SocketFlags.None, out SocketError error);
            return error is SocketError.Success or SocketError.WouldBlock or SocketError.NoBufferSpaceAvailable;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Waits for a packet; zero at the end of the connection.</summary>
    internal static int Receive(Socket socket, Span<byte> packet)
    {
        try
        {
            int count = socket.Receive(packet, SocketFlags.None, out SocketError error);
            return error == SocketError.Success ? count : 0;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return 0;
        }
    }

    /// <summary>True if the path fits into an address: the kernel has room for 107 bytes.</summary>
    internal static bool Fits(string path) => Encoding.UTF8.GetByteCount(path) is > 0 and <= 107;
}
