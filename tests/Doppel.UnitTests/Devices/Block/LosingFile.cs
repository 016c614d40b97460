using System.Runtime.InteropServices;
using Doppel.Devices.Backends.Block;
using Doppel.Host;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>
/// A file whose power can be cut: what was not flushed reaches its medium in any order and in part, sector by sector. Writes that are under way when a
/// flush begins are not covered by it, and of a write that is under way at the cut any sectors may have arrived.
/// </summary>
internal sealed class LosingFile : IImageFile
{
    private const int Sector = 512;
    private readonly Lock _gate = new();
    private readonly Random _random;
    private readonly byte[] _medium, _cache;

    // For each sector what was written since it was last known to be stable, oldest first.
    private readonly Dictionary<int, List<byte[]>> _pending = [];
    private long _length;
    private bool _cut;

    /// <summary>Creates the file.</summary>
    /// <param name="content">What it holds, stable.</param>
    /// <param name="room">To how many bytes it may grow.</param>
    /// <param name="random">Decides what is lost.</param>
    internal LosingFile(ReadOnlySpan<byte> content, int room, Random random)
    {
        _random = random;
        _medium = new byte[room];
        content.CopyTo(_medium);
        _cache = [.. _medium];
        _length = content.Length;
    }

    public string Path => "losing";

    public long Length => Volatile.Read(ref _length);

    /// <summary>Writes that ended before the cut, flushes that did.</summary>
    internal int Writes { get; private set; }

    internal int Flushes { get; private set; }

    public void Read(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        lock (_gate)
        {
            foreach (HostBuffer buffer in buffers)
            {
                Marshal.Copy(_cache, (int)offset, buffer.Address, (int)buffer.Length);
                offset += (long)buffer.Length;
            }
        }
    }

    public bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers) => false;

    public void Write(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        byte[] data = Gather(buffers);
        for (int at = 0; at < data.Length;)
        {
            // Others come in between: a write is no more than its sectors.
            if (at % (4 * Sector) == 0) Thread.Yield();
            int part = (int)Math.Min(Sector - ((offset + at) % Sector), data.Length - at);
            lock (_gate) Put(offset + at, data.AsSpan(at, part));
            at += part;
        }
        lock (_gate)
        {
            Writes++;
            _length = Math.Max(_length, offset + data.Length);
        }
    }

    public void Flush()
    {
        KeyValuePair<int, byte[]>[] covered;
        lock (_gate) covered = [.. _pending.Select(static p => KeyValuePair.Create(p.Key, p.Value[^1]))];
        Thread.Yield();
        lock (_gate)
        {
            if (_cut) throw new IOException("the power is off");
            Flushes++;
            foreach ((int sector, byte[] value) in covered) Settle(sector, value);
        }
    }

    public void SetLength(long length)
    {
        lock (_gate)
        {
            Assert.True(length >= _length, "nothing is taken away");
            _length = length;
        }
    }

    public bool TryPunchHole(long offset, long length) => false;

    public void Dispose()
    {
    }

    /// <summary>Cuts the power, and gives what the medium then holds.</summary>
    internal byte[] Cut()
    {
        lock (_gate)
        {
            _cut = true;
            foreach ((int sector, List<byte[]> values) in _pending)
            {
                int arrived = _random.Next(values.Count + 1);
                if (arrived != 0) values[arrived - 1].CopyTo(_medium, sector * Sector);
            }
            return _medium[..(int)_length];
        }
    }

    private void Put(long offset, ReadOnlySpan<byte> data)
    {
        if (_cut) throw new IOException("the power is off");
        int sector = (int)(offset / Sector);
        data.CopyTo(_cache.AsSpan((int)offset));
        if (!_pending.TryGetValue(sector, out List<byte[]>? values)) _pending[sector] = values = [];
        values.Add(_cache[(sector * Sector)..((sector + 1) * Sector)]);
    }

    // The value is on the medium now; only what was written after it can still get lost.
    private void Settle(int sector, byte[] value)
    {
        if (!_pending.TryGetValue(sector, out List<byte[]>? values) || values.IndexOf(value) is not (>= 0 and int index)) return;
        value.CopyTo(_medium, sector * Sector);
        values.RemoveRange(0, index + 1);
        if (values.Count == 0) _pending.Remove(sector);
    }

    private static byte[] Gather(ReadOnlySpan<HostBuffer> buffers)
    {
        List<byte> all = [];
        foreach (HostBuffer buffer in buffers)
        {
            byte[] part = new byte[(int)buffer.Length];
            Marshal.Copy(buffer.Address, part, 0, part.Length);
            all.AddRange(part);
        }
        return [.. all];
    }
}
