using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Policy;

/// <summary>
/// Where the guest may go, and what its addresses stand for on the host's network. Rules with names hold for the addresses that the guest
/// was told for them, for as long as it may use those. Thread contract: the event loop's thread.
/// </summary>
/// <param name="plan">The guest's network.</param>
/// <param name="rules">Where it may go; empty for everywhere.</param>
/// <param name="restrict">True if it may go nowhere.</param>
/// <param name="hostIsOpen">True if the host is among "everywhere"; else it has to be named.</param>
internal sealed class EgressPolicy(AddressPlan plan, IReadOnlyList<EgressRule> rules, bool restrict, bool hostIsOpen = true)
{
    private const int MostLearned = 4096;
    // Programs keep addresses for longer than their lifetime says.
    private const long GraceNs = 600_000_000_000;
    private const long SecondNs = 1_000_000_000;

    private readonly Dictionary<(IpAddress Address, int Rule), long> _learned = [];

    private bool AllowsAll => rules.Count == 0 && !restrict;

    /// <summary>Finds the endpoint of the host's network that the guest means.</summary>
    internal bool TryRoute(IpEndpoint destination, long nowNs, out IpEndpoint target, out HostSocketError error)
    {
        target = destination;
        error = HostSocketError.None;
        if (plan.IsHost(destination.Address))
        {
            target = new(destination.Address.IsV4 ? IpAddress.FromV4(0x7f00_0001) : new IpAddress(0, 1), destination.Port);
        }
        else if (plan.IsOnLink(destination.Address) || IpScope.IsNeverRouted(destination.Address))
        {
            error = HostSocketError.HostUnreachable;
        }
        bool open = AllowsAll && SetApart(destination.Address) is null;
        if (error == HostSocketError.None && !open && !IsAllowed(destination, nowNs)) error = HostSocketError.AccessDenied;
        return error == HostSocketError.None;
    }

    /// <summary>True if the guest may ask for a name; a query is a way out too.</summary>
    internal bool MayResolve(string name)
    {
        if (AllowsAll) return true;
        return !restrict && rules.Any(r => r.MatchesName(name));
    }

    /// <summary>Remembers that the guest was told an address for a name.</summary>
    internal void Learn(string name, IpAddress address, uint lifetimeSeconds, long nowNs)
    {
        // A name outside must not open the way to the host or to the virtual network itself.
        if (plan.IsOnLink(address) || IpScope.IsNeverRouted(address) || SetApart(address) is not null) return;
        for (int i = 0; i < rules.Count; i++)
        {
            if (rules[i].MatchesName(name)) Learn(address, i, nowNs + (Math.Min(lifetimeSeconds, 86400) * SecondNs) + GraceNs, nowNs);
        }
    }

    /// <summary>Opens the way to a name that this network answers for itself.</summary>
    internal void LearnOwn(string name, IpAddress address)
    {
        for (int i = 0; i < rules.Count; i++)
        {
            if (rules[i].MatchesName(name)) _learned[(address, i)] = long.MaxValue;
        }
    }

    private void Learn(IpAddress address, int rule, long until, long nowNs)
    {
        if (_learned.Count >= MostLearned)
        {
            foreach (KeyValuePair<(IpAddress, int), long> old in _learned.Where(e => e.Value < nowNs).ToArray()) _learned.Remove(old.Key);
            if (_learned.Count >= MostLearned) _learned.Remove(_learned.MinBy(static e => e.Value).Key);
        }
        _learned[(address, rule)] = Math.Max(until, _learned.GetValueOrDefault((address, rule)));
    }

    private bool IsAllowed(IpEndpoint destination, long nowNs)
    {
        if (restrict) return false;
        if (IsAllowedByAddress(destination)) return true;
        for (int i = 0; i < rules.Count; i++)
        {
            if (rules[i].IsName && rules[i].MatchesPort(destination.Port) && _learned.TryGetValue((destination.Address, i), out long until) && nowNs < until) return true;
        }
        return false;
    }

    // Who allows a large block, 10.0.0.0/8 or 0.0.0.0/0, does not mean what lies apart in it: the host's own services, a cloud's credentials.
    private bool IsAllowedByAddress(IpEndpoint destination)
    {
        (IpAddress Block, int Prefix)? apart = SetApart(destination.Address);
        foreach (EgressRule rule in rules)
        {
            if (!rule.MatchesAddress(destination.Address) || !rule.MatchesPort(destination.Port)) continue;
            if (apart is not { } block || rule.LiesWithin(block.Block, block.Prefix)) return true;
        }
        return false;
    }

    // The block of addresses that only a rule about nothing else opens.
    private (IpAddress Block, int Prefix)? SetApart(IpAddress address)
    {
        if (!plan.IsHost(address)) return IpScope.SetApart(address);
        if (hostIsOpen && AllowsAll) return null;
        if (address.IsV4) return (plan.Network4, plan.PrefixLength4);
        return AddressPlan.IsLinkLocal6(address) ? (AddressPlan.Router6, AddressPlan.LinkLocalPrefix6) : (plan.Network6, AddressPlan.PrefixLength6);
    }
}
