using System.Net;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Naming;

/// <summary>How a host finds names: what resolv.conf(5) says. Immutable.</summary>
/// <param name="Servers">The name servers in the order in which they are to be asked; at least one.</param>
/// <param name="Search">Domains in which short names are looked for, in small letters.</param>
public sealed record ResolverFile(IReadOnlyList<IpEndpoint> Servers, IReadOnlyList<string> Search)
{
    /// <summary>The host's file.</summary>
    public const string UsualPath = "/etc/resolv.conf";

    private const int MostServers = 3, MostDomains = 6, LongestDomain = 253;

    /// <summary>Reads a file. One that is not there, or names no server, means the host itself, as the manual says.</summary>
    public static ResolverFile Read(string path = UsualPath)
    {
        try
        {
            return Parse(File.ReadLines(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Parse([]);
        }
    }

    internal static ResolverFile Parse(IEnumerable<string> lines)
    {
        List<IpEndpoint> servers = [];
        string[] search = [];
        foreach (string line in lines)
        {
            string[] words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 2) continue;
            if (words[0] == "nameserver" && servers.Count < MostServers && IPAddress.TryParse(words[1], out IPAddress? address))
                servers.Add(IpEndpoint.From(address, Dns.Port));
            // Of several such lines the last one counts.
            if (words[0] is "search" or "domain") search = [.. words.Skip(1).Select(ToDomain).Where(IsDomain).Take(MostDomains)];
        }
        return new(servers.Count > 0 ? servers : [IpEndpoint.From(IPAddress.Loopback, Dns.Port)], search);
    }

    private static string ToDomain(string word) => word.TrimEnd('.').ToLowerInvariant();

    private static bool IsDomain(string domain) => domain.Length <= LongestDomain
        && domain.Split('.').All(static l => l.Length is > 0 and <= 63 && l.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
}
