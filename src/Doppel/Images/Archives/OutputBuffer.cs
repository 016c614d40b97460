namespace Doppel.Images.Archives;

/// <summary>Bytes unpacked so far: the result and the dictionary at once. Thread contract: one thread.</summary>
internal sealed class OutputBuffer(int maximumLength)
{
    private byte[] _bytes = new byte[Math.Min(1 << 16, maximumLength)];

    /// <summary>Number of bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    /// <summary>Makes room and hands out the next bytes, which count as written.</summary>
    /// <exception cref="InvalidDataException">The content is longer than allowed.</exception>
    public Span<byte> Append(int length)
    {
        if (length > maximumLength - Length) throw new InvalidDataException($"xz: content is longer than {maximumLength} bytes");
        int needed = Length + length;
        if (needed > _bytes.Length) Array.Resize(ref _bytes, (int)Math.Min(maximumLength, Math.Max(needed, _bytes.Length * 2L)));
        Span<byte> place = _bytes.AsSpan(Length, length);
        Length = needed;
        return place;
    }

    /// <summary>Everything from <paramref name="start"/> on, writable: the window of one LZMA2 chunk and what precedes it.</summary>
    public Span<byte> Window(int start) => _bytes.AsSpan(start, Length - start);

    /// <summary>A copy of everything written.</summary>
    public byte[] ToArray() => Written.ToArray();
}
