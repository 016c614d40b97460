using System.Net.Sockets;

namespace Doppel.UnitTests.Agent;

/// <summary>Two connected streams.</summary>
internal static class StreamPair
{
    internal static (Stream Near, Stream Far) Create()
    {
        string path = Path.Combine(Path.GetTempPath(), $"doppel-pair-{Guid.NewGuid():N}");
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        Socket near = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        near.Connect(new UnixDomainSocketEndPoint(path));
        Socket far = listener.Accept();
        File.Delete(path);
        return (new NetworkStream(near, ownsSocket: true), new NetworkStream(far, ownsSocket: true));
    }
}
