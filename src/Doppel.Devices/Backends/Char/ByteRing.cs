namespace Doppel.Devices.Backends.Char;

/// <summary>A queue of bytes with a bound; it takes memory as it needs it. Thread contract: none; its owner locks.</summary>
internal sealed class ByteRing(int capacity)
{
    private const int FirstLength = 4096;

    private byte[] _bytes = new byte[Math.Min(capacity, FirstLength)];
    private int _head;

    internal int Count { get; private set; }

    internal int Room => Math.Max(0, capacity - Count);

    internal int Write(ReadOnlySpan<byte> source)
    {
        source = source[..Math.Min(source.Length, Room)];
        int needed = Count + source.Length;
        if (needed > _bytes.Length) Grow(Math.Min(capacity, Math.Max(needed, _bytes.Length * 2)));
        Append(source);
        return source.Length;
    }

    /// <summary>Takes all, past the bound if need be.</summary>
    internal void WriteUnbounded(ReadOnlySpan<byte> source)
    {
        if (source.Length > _bytes.Length - Count) Grow(Count + source.Length);
        Append(source);
    }

    private void Grow(int length)
    {
        byte[] bytes = new byte[length];
        int count = Read(bytes);
        (_bytes, _head, Count) = (bytes, 0, count);
    }

    private void Append(ReadOnlySpan<byte> source)
    {
        int tail = (_head + Count) % _bytes.Length;
        int first = Math.Min(source.Length, _bytes.Length - tail);
        source[..first].CopyTo(_bytes.AsSpan(tail));
        source[first..].CopyTo(_bytes);
        Count += source.Length;
    }

    internal int Read(Span<byte> destination)
    {
        destination = destination[..Math.Min(destination.Length, Count)];
        int first = Math.Min(destination.Length, _bytes.Length - _head);
        _bytes.AsSpan(_head, first).CopyTo(destination);
        _bytes.AsSpan(0, destination.Length - first).CopyTo(destination[first..]);
        _head = (_head + destination.Length) % _bytes.Length;
        Count -= destination.Length;
        return destination.Length;
    }

    internal void Clear() => _head = Count = 0;
}
