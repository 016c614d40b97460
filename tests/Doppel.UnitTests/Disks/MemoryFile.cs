using Doppel.Devices.Backends.Block;
using Doppel.Host;

namespace Doppel.UnitTests.Disks;

/// <summary>
/// An image's file in memory, sparse, which remembers what was done to it in which order, so that a test can find out what is left after a crash.
/// </summary>
internal sealed class MemoryFile : IImageFile
{
    private const int PageBytes = 4096, SectorBytes = 512;
    private const long Largest = 1L << 44;

    private readonly Dictionary<long, byte[]> _pages = [];
    private readonly List<Operation> _log = [];

    internal MemoryFile(byte[]? content = null)
    {
        if (content is null) return;
        Put(0, content);
        Length = content.Length;
    }

    public string Path => "memory.qcow2";

    public long Length { get; private set; }

    /// <summary>True to remember what is done.</summary>
    internal bool IsRecording { get; init; }

    /// <summary>Asked before each part of a write, and before the file becomes longer or gives space back; an exception is the storage's.</summary>
    internal Action? BeforeWrite { get; set; }

    /// <summary>How much was done so far.</summary>
    internal int LogLength => _log.Count;

    /// <summary>When a stretch was first written in one piece.</summary>
    internal int FindWrite(long offset, int length) => _log.FindIndex(o => o.Kind == Kind.Write && o.Offset == offset && o.Length == length);

    /// <summary>When the next flush begins.</summary>
    internal int FindFlush(int from) => _log.FindIndex(from, static o => o.Kind == Kind.Flush);

    public void Read(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        foreach (HostBuffer buffer in buffers)
        {
            Get(offset, buffer.AsSpan());
            offset += (long)buffer.Length;
        }
    }

    public bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers) => false;

    public void Write(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        foreach (HostBuffer buffer in buffers)
        {
            BeforeWrite?.Invoke();
            byte[] bytes = buffer.AsSpan().ToArray();
            Apply(new Operation(Kind.Write, offset, bytes.Length, bytes));
            offset += bytes.Length;
        }
    }

    public void Flush() => Apply(new Operation(Kind.Flush, 0, 0, null));

    public void SetLength(long length)
    {
        BeforeWrite?.Invoke();
        Apply(new Operation(Kind.SetLength, 0, length, null));
    }

    public bool TryPunchHole(long offset, long length)
    {
        BeforeWrite?.Invoke();
        Apply(new Operation(Kind.Punch, offset, length, null));
        return true;
    }

    public void Dispose()
    {
        // Its content is what tests are about.
    }

    /// <summary>All bytes.</summary>
    internal byte[] ToArray()
    {
        byte[] content = new byte[Length];
        Get(0, content);
        return content;
    }

    /// <summary>
    /// Makes another file what is on storage after a crash: everything up to the last flush, and of what came after it any sectors, others not.
    /// </summary>
    internal void Replay(MemoryFile after, int logLength, Random random)
    {
        int stable = logLength;
        while (stable > 0 && _log[stable - 1].Kind != Kind.Flush) stable--;
        int chance = random.Next(3) switch { 0 => 50, 1 => 90, _ => 10 };
        for (int i = 0; i < logLength; i++)
        {
            if (i < stable) after.Apply(_log[i]);
            else after.ApplyPart(_log[i], random, chance);
        }
    }

    private void ApplyPart(Operation operation, Random random, int chance)
    {
        if (operation.Kind == Kind.SetLength && random.Next(100) < chance) Apply(operation);
        if (operation.Kind is Kind.SetLength or Kind.Flush) return;
        for (long at = operation.Offset; at < operation.Offset + operation.Length;)
        {
            int part = (int)Math.Min(SectorBytes - at % SectorBytes, operation.Offset + operation.Length - at);
            if (random.Next(100) < chance) Apply(operation with { Offset = at, Length = part, Bytes = operation.Bytes?.AsSpan((int)(at - operation.Offset), part).ToArray() });
            at += part;
        }
    }

    private void Apply(Operation operation)
    {
        if (operation.Offset + operation.Length > Largest) throw new IOException("the file would be too large");
        if (IsRecording) _log.Add(operation);
        switch (operation.Kind)
        {
            case Kind.Write:
                Put(operation.Offset, operation.Bytes);
                Length = Math.Max(Length, operation.Offset + operation.Length);
                break;
            case Kind.SetLength:
                Erase(operation.Length, Length - operation.Length);
                Length = operation.Length;
                break;
            case Kind.Punch:
                Erase(operation.Offset, Math.Min(operation.Length, Length - operation.Offset));
                break;
        }
    }

    private void Get(long offset, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            int inside = (int)(offset % PageBytes), part = Math.Min(PageBytes - inside, target.Length);
            if (_pages.TryGetValue(offset / PageBytes, out byte[]? page)) page.AsSpan(inside, part).CopyTo(target);
            else target[..part].Clear();
            target = target[part..];
            offset += part;
        }
    }

    private void Put(long offset, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            int inside = (int)(offset % PageBytes), part = Math.Min(PageBytes - inside, source.Length);
            if (!_pages.TryGetValue(offset / PageBytes, out byte[]? page)) _pages.Add(offset / PageBytes, page = new byte[PageBytes]);
            source[..part].CopyTo(page.AsSpan(inside));
            source = source[part..];
            offset += part;
        }
    }

    private void Erase(long offset, long length)
    {
        foreach ((long index, byte[] page) in _pages)
        {
            long from = Math.Clamp(offset - index * PageBytes, 0, PageBytes), to = Math.Clamp(offset + length - index * PageBytes, 0, PageBytes);
            if (from < to) page.AsSpan((int)from, (int)(to - from)).Clear();
        }
    }

    private enum Kind
    {
        Write,
        SetLength,
        Punch,
        Flush,
    }

    private sealed record Operation(Kind Kind, long Offset, long Length, byte[]? Bytes);
}
