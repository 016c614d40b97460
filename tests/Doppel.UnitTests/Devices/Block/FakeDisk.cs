using System.Runtime.InteropServices;
using Doppel.Devices.Backends.Block;
using Doppel.Host;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>What a <see cref="FakeDisk"/> was asked to do.</summary>
public enum DiskCall
{
    Read,
    Write,
    Flush,
    Discard,
    WriteZeroes,
}

/// <summary>A disk in memory that notes each call, and holds back those that the test names until it lets them go.</summary>
internal sealed class FakeDisk : IBlockBackend
{
    private readonly Lock _gate = new();
    private readonly List<(DiskCall Call, long Offset)> _begun = [], _ended = [];
    private readonly ManualResetEventSlim _open = new(false);
    private int _under;

    internal byte[] Content { get; } = new byte[1 << 20];

    public bool IsConcurrent { get; init; } = true;

    public bool IsReadOnly { get; init; }

    public long Length => Content.Length;

    /// <summary>Which calls wait for <see cref="LetGo"/>.</summary>
    internal Func<DiskCall, long, bool> Holds { get; set; } = static (_, _) => false;

    /// <summary>What the host says to a call instead of doing it; null to do it.</summary>
    internal Func<DiskCall, IOException?> Refuses { get; set; } = static _ => null;

    /// <summary>True to answer reads without waiting.</summary>
    internal bool IsCached { get; set; }

    /// <summary>True to fail such a read.</summary>
    internal bool CacheFails { get; init; }

    /// <summary>Threads that read from the cache.</summary>
    internal List<int> CacheReaders { get; } = [];

    internal int MostAtOnce { get; private set; }

    internal (DiskCall Call, long Offset)[] Begun
    {
        get
        {
            lock (_gate) return [.. _begun];
        }
    }

    internal (DiskCall Call, long Offset)[] Ended
    {
        get
        {
            lock (_gate) return [.. _ended];
        }
    }

    internal int CountOf(DiskCall call) => Ended.Count(e => e.Call == call);

    internal void LetGo() => _open.Set();

    internal void WaitForBegun(int count) => Assert.True(SpinWait.SpinUntil(() => Begun.Length >= count, TimeSpan.FromSeconds(60)), "the back end was not asked");

    public bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        if (CacheFails) throw new IOException("the cache is full of mice");
        if (!IsCached) return false;
        lock (_gate) CacheReaders.Add(Environment.CurrentManagedThreadId);
        Copy(offset, buffers, write: false);
        return true;
    }

    public void Read(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        Begin(DiskCall.Read, offset);
        Copy(offset, buffers, write: false);
        End(DiskCall.Read, offset);
    }

    public void Write(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        Begin(DiskCall.Write, offset);
        Copy(offset, buffers, write: true);
        End(DiskCall.Write, offset);
    }

    public void Flush()
    {
        Begin(DiskCall.Flush, 0);
        End(DiskCall.Flush, 0);
    }

    public void Discard(long offset, long length)
    {
        Begin(DiskCall.Discard, offset);
        End(DiskCall.Discard, offset);
    }

    public void WriteZeroes(long offset, long length, bool mayUnmap)
    {
        Begin(DiskCall.WriteZeroes, offset);
        Content.AsSpan((int)offset, (int)length).Clear();
        End(DiskCall.WriteZeroes, offset);
    }

    public void Dispose() => _open.Dispose();

    private void Begin(DiskCall call, long offset)
    {
        lock (_gate)
        {
            _begun.Add((call, offset));
            MostAtOnce = Math.Max(MostAtOnce, ++_under);
        }
        if (Holds(call, offset)) _open.Wait();
        if (Refuses(call) is not { } error) return;
        lock (_gate) _under--;
        throw error;
    }

    private void End(DiskCall call, long offset)
    {
        lock (_gate)
        {
            _ended.Add((call, offset));
            _under--;
        }
    }

    private void Copy(long offset, ReadOnlySpan<HostBuffer> buffers, bool write)
    {
        foreach (HostBuffer buffer in buffers)
        {
            if (write) Marshal.Copy(buffer.Address, Content, (int)offset, (int)buffer.Length);
            else Marshal.Copy(Content, (int)offset, buffer.Address, (int)buffer.Length);
            offset += (long)buffer.Length;
        }
    }
}
