using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Link;

/// <summary>Whoever holds a socket of the host.</summary>
internal interface ISocketOwner
{
    /// <summary>Something changed: go on until the socket would block.</summary>
    void SocketReady(bool readable, bool writable);
}

/// <summary>Tells the owners of sockets when those are ready. Thread contract: <see cref="Wake"/> from any thread, everything else from one.</summary>
internal sealed class SocketLoop : IDisposable
{
    private readonly HostPoller _poller = new();
    private readonly HostPollEvent[] _events = new HostPollEvent[128];
    private readonly List<(ISocketOwner? Owner, uint Generation)> _slots = [];
    private readonly Stack<int> _free = new();

    /// <summary>Sockets that are watched now.</summary>
    internal int Count => _slots.Count - _free.Count;

    /// <summary>Watches a socket.</summary>
    /// <returns>What <see cref="Remove"/> needs, or null if the host has no memory left.</returns>
    internal ulong? TryAdd(HostSocket socket, ISocketOwner owner)
    {
        if (!_free.TryPop(out int slot))
        {
            slot = _slots.Count;
            _slots.Add((null, 0));
        }
        uint generation = _slots[slot].Generation + 1;
        _slots[slot] = (owner, generation);
        // The generation keeps events that were told before a socket was closed from reaching the next one in its slot.
        ulong token = ((ulong)(generation & int.MaxValue) << 32) | (uint)slot;
        if (_poller.TryAdd(socket, token)) return token;
        Remove(token);
        return null;
    }

    /// <summary>Forgets a socket, which its owner closes.</summary>
    internal void Remove(ulong token)
    {
        int slot = (int)(uint)token;
        _slots[slot] = (null, _slots[slot].Generation);
        _free.Push(slot);
    }

    /// <summary>Waits for events and tells the owners.</summary>
    internal void Wait(int timeoutMs)
    {
        int count = _poller.Wait(_events, timeoutMs);
        foreach (HostPollEvent e in _events.AsSpan(0, count))
        {
            (ISocketOwner? owner, uint generation) = _slots[(int)(uint)e.Token];
            if (owner is not null && (generation & int.MaxValue) == e.Token >> 32) owner.SocketReady(e.Readable, e.Writable);
        }
    }

    internal void Wake() => _poller.Wake();

    public void Dispose() => _poller.Dispose();
}
