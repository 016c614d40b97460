using System.Runtime.InteropServices;
using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>Memory of ours that the host can read into and write from. Thread contract: none of its own.</summary>
internal sealed class PinnedBuffer(int length)
{
    private readonly byte[] _bytes = GC.AllocateArray<byte>(length, pinned: true);

    internal int Length => _bytes.Length;

    internal Span<byte> Span => _bytes;

    internal byte[] Array => _bytes;

    internal HostBuffer Whole => Slice(0, _bytes.Length);

    internal HostBuffer Slice(int offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)offset + (ulong)(uint)length, (ulong)_bytes.Length, nameof(length));
        return new HostBuffer(Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0) + offset, (nuint)length);
    }
}
