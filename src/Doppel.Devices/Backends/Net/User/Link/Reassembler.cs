using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Link;

/// <summary>
/// Puts fragments together (RFC 791, 3.2; RFC 8200, 4.5). Few datagrams at a time, the oldest goes; fragments that overlap discard their
/// datagram, since they serve only to deceive whoever looked at one of them (RFC 5722). Thread contract: the event loop's thread.
/// </summary>
internal sealed class Reassembler
{
    private const int MostDatagrams = 16;
    private const int LongestDatagram = 65535;
    private const int Block = 8;
    private const long LifetimeNs = 30_000_000_000;

    private readonly List<Datagram> _datagrams = [];
    private readonly Stack<byte[]> _spare = new();

    /// <summary>Takes a fragment.</summary>
    /// <param name="packet">A packet that is a fragment.</param>
    /// <param name="nowNs">The time.</param>
    /// <param name="payload">The whole payload if this was the last piece; valid until the next call.</param>
    /// <returns>True if the datagram is complete.</returns>
    internal bool TryComplete(in IpPacket packet, long nowNs, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        FragmentInfo fragment = packet.Fragment;
        int end = fragment.Offset + packet.Payload.Length;
        if (packet.Payload.IsEmpty || end > LongestDatagram || (fragment.More && packet.Payload.Length % Block != 0)) return false;
        Datagram datagram = FindOrAdd(new(packet.Source, packet.Destination, packet.Protocol, fragment.Identification), nowNs);
        if (!datagram.TryAdd(fragment, packet.Payload))
        {
            Discard(datagram);
            return false;
        }
        if (!datagram.IsComplete) return false;
        payload = datagram.Bytes.AsSpan(0, datagram.Total);
        Discard(datagram);
        return true;
    }

    private Datagram FindOrAdd(Key key, long nowNs)
    {
        for (int i = _datagrams.Count - 1; i >= 0; i--)
        {
            if (nowNs - _datagrams[i].BornNs > LifetimeNs) Discard(_datagrams[i]);
            else if (_datagrams[i].Id == key) return _datagrams[i];
        }
        if (_datagrams.Count == MostDatagrams) Discard(_datagrams[0]);
        Datagram datagram = new(key, nowNs, _spare.TryPop(out byte[]? spare) ? spare : new byte[LongestDatagram]);
        _datagrams.Add(datagram);
        return datagram;
    }

    private void Discard(Datagram datagram)
    {
        _datagrams.Remove(datagram);
        _spare.Push(datagram.Bytes);
    }

    private readonly record struct Key(IpAddress Source, IpAddress Destination, byte Protocol, uint Identification);

    private sealed class Datagram(Key id, long bornNs, byte[] bytes)
    {
        private readonly ulong[] _have = new ulong[(LongestDatagram / Block / 64) + 1];
        private int _received;

        internal Key Id => id;

        internal long BornNs => bornNs;

        internal byte[] Bytes => bytes;

        internal int Total { get; private set; } = -1;

        internal bool IsComplete => _received == Total;

        // False if the fragment contradicts what has come before.
        internal bool TryAdd(FragmentInfo fragment, ReadOnlySpan<byte> payload)
        {
            int end = fragment.Offset + payload.Length;
            if (Total >= 0 && end > Total) return false;
            int first = fragment.Offset / Block, count = (payload.Length + Block - 1) / Block;
            int known = CountKnown(first, count);
            // The same fragment once more is what a network does; a part of it is not.
            if (known == count) return true;
            if (known != 0) return false;
            if (!fragment.More)
            {
                if (Total >= 0 || HasBeyond(end)) return false;
                Total = end;
            }
            for (int i = first; i < first + count; i++) _have[i / 64] |= 1UL << (i % 64);
            payload.CopyTo(bytes.AsSpan(fragment.Offset));
            _received += payload.Length;
            return true;
        }

        private int CountKnown(int first, int count)
        {
            int known = 0;
            for (int i = first; i < first + count; i++) known += (int)(_have[i / 64] >> (i % 64) & 1);
            return known;
        }

        private bool HasBeyond(int end) => CountKnown((end + Block - 1) / Block, (_have.Length * 64) - ((end + Block - 1) / Block)) != 0;
    }
}
