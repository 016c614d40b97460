using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Link;

/// <summary>Which Ethernet address an address of the guest's network has. Bounded: the oldest entry goes. Thread contract: the event loop's thread.</summary>
internal sealed class NeighbourTable
{
    private const int Most = 256;

    private readonly Dictionary<IpAddress, MacAddress> _entries = [];
    private readonly Queue<IpAddress> _order = new();
    private IpAddress _lastAddress;
    private MacAddress _lastMac;

    /// <summary>Raised when an address is known that was not before.</summary>
    internal Action<IpAddress, MacAddress> Found { get; set; } = static (_, _) => { };

    internal void Learn(IpAddress address, MacAddress mac)
    {
        if (address == _lastAddress && mac == _lastMac) return;
        bool isNew = !_entries.ContainsKey(address);
        if (isNew)
        {
            if (_entries.Count == Most) _entries.Remove(_order.Dequeue());
            _order.Enqueue(address);
        }
        _entries[address] = mac;
        _lastAddress = address;
        _lastMac = mac;
        if (isNew) Found(address, mac);
    }

    internal bool TryFind(IpAddress address, out MacAddress mac)
    {
        mac = _lastMac;
        return address == _lastAddress || _entries.TryGetValue(address, out mac);
    }
}
