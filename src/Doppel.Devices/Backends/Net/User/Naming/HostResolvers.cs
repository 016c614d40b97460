using System.Net;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Naming;

/// <summary>
/// The name servers that the host asks, looked up again from time to time: laptops change networks. The file is often a link to one that
/// somebody replaces, so its own times tell nothing. Thread contract: the event loop's thread.
/// </summary>
internal sealed class HostResolvers
{
    private const long LookAgainNs = 5_000_000_000;

    private readonly string? _path;
    private IReadOnlyList<IpEndpoint> _servers = [];
    private long _lookedNs = long.MinValue;

    /// <summary>Asks servers that are given, or those of the host.</summary>
    internal HostResolvers(IReadOnlyList<IPEndPoint>? servers)
    {
        _path = servers is null ? ResolverFile.UsualPath : null;
        if (servers is not null) _servers = [.. servers.Select(static s => IpEndpoint.From(s.Address, (ushort)s.Port))];
    }

    /// <summary>Asks the servers that a file names.</summary>
    internal HostResolvers(string path) => _path = path;

    /// <summary>The servers in the order in which they are to be asked.</summary>
    internal IReadOnlyList<IpEndpoint> Servers(long nowNs)
    {
        if (_path is null || (_lookedNs != long.MinValue && nowNs - _lookedNs < LookAgainNs)) return _servers;
        _lookedNs = nowNs;
        _servers = ResolverFile.Read(_path).Servers;
        return _servers;
    }
}
