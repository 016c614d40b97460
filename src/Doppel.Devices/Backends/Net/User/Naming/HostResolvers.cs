using System.Net;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Naming;

/// <summary>
/// The name servers that the host asks (resolv.conf(5)), read again when the file has changed: laptops change networks.
/// Thread contract: the event loop's thread.
/// </summary>
internal sealed class HostResolvers
{
    private const string FilePath = "/etc/resolv.conf";
    private const int Most = 3;
    private const long LookAgainNs = 5_000_000_000;

    private readonly bool _fixed;
    private IReadOnlyList<IpEndpoint> _servers = [];
    private DateTime _written;
    private long _lookedNs = long.MinValue;

    internal HostResolvers(IReadOnlyList<IPEndPoint>? servers)
    {
        _fixed = servers is not null;
        if (servers is not null) _servers = [.. servers.Select(static s => ToEndpoint(s.Address, (ushort)s.Port))];
    }

    /// <summary>The servers in the order in which they are to be asked.</summary>
    internal IReadOnlyList<IpEndpoint> Servers(long nowNs)
    {
        if (_fixed || (_lookedNs != long.MinValue && nowNs - _lookedNs < LookAgainNs)) return _servers;
        _lookedNs = nowNs;
        try
        {
            DateTime written = File.GetLastWriteTimeUtc(FilePath);
            if (written != _written) _servers = Parse(File.ReadLines(FilePath));
            _written = written;
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
                servers.Add(ToEndpoint(address, Dns.Port));
        }
        return servers.Count > 0 ? servers : [ToEndpoint(IPAddress.Loopback, Dns.Port)];
    }

    private static IpEndpoint ToEndpoint(IPAddress address, ushort port)
    {
        IpAddress value = IpAddress.From(address);
        return new(value, port, value.IsV4 ? 0 : (uint)address.ScopeId);
    }
}
