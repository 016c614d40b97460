using System.Net;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Naming;

/// <summary>
/// The name servers that the host asks (resolv.conf(5)), looked up again from time to time: laptops change networks. The file is often a link
/// to one that somebody replaces, so its own times tell nothing. Thread contract: the event loop's thread.
/// </summary>
internal sealed class HostResolvers
{
    private const string FilePath = "/etc/resolv.conf";
    private const int Most = 3;
    private const long LookAgainNs = 5_000_000_000;

    private readonly string? _path;
    private IReadOnlyList<IpEndpoint> _servers = [];
    private long _lookedNs = long.MinValue;

    /// <summary>Asks servers that are given, or those of the host.</summary>
    internal HostResolvers(IReadOnlyList<IPEndPoint>? servers)
    {
        _path = servers is null ? FilePath : null;
        if (servers is not null) _servers = [.. servers.Select(static s => IpEndpoint.From(s.Address, (ushort)s.Port))];
    }

    /// <summary>Asks the servers that a file names.</summary>
    internal HostResolvers(string path) => _path = path;

    /// <summary>The servers in the order in which they are to be asked.</summary>
    internal IReadOnlyList<IpEndpoint> Servers(long nowNs)
    {
        if (_path is null || (_lookedNs != long.MinValue && nowNs - _lookedNs < LookAgainNs)) return _servers;
        _lookedNs = nowNs;
        try
        {
            _servers = Parse(File.ReadLines(_path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _servers = Parse([]);
        }
        return _servers;
    }

    /// <summary>Reads the lines of the file; without a server it is the host itself, as the manual says.</summary>
    internal static IReadOnlyList<IpEndpoint> Parse(IEnumerable<string> lines)
    {
        List<IpEndpoint> servers = [];
        foreach (string line in lines)
        {
            string[] words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2 && words[0] == "nameserver" && servers.Count < Most && IPAddress.TryParse(words[1], out IPAddress? address))
                servers.Add(IpEndpoint.From(address, Dns.Port));
        }
        return servers.Count > 0 ? servers : [IpEndpoint.From(IPAddress.Loopback, Dns.Port)];
    }
}
