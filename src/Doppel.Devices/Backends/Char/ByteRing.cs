namespace Doppel.Devices.Backends.Char;

/// <summary>A queue of bytes of fixed capacity. Thread contract: none; its owner locks.</summary>
internal sealed class ByteRing(int capacity)
{
    private readonly byte[] _bytes = new byte[capacity];
    private int _head;

    internal int Count { get; private set; }

    internal int Room => _bytes.Length - Count;

    internal int Write(ReadOnlySpan<byte> source)
    {
        source = source[..Math.Min(source.Length, Room)];
        int tail = (_head + Count) % _bytes.Length;
        int first = Math.Min(source.Length, _bytes.Length - tail);
        source[..first].CopyTo(_bytes.AsSpan(tail));
        source[first..].CopyTo(_bytes);
        Count += source.Length;
        return source.Length;
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
