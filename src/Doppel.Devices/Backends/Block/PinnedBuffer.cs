using System.Runtime.InteropServices;
using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>
/// Memory of ours that the host can read into and write from, as long as something refers to it: the garbage collector does not know of the
/// address that the host has. Thread contract: none of its own.
/// </summary>
internal sealed class PinnedBuffer(int length)
{
    private readonly byte[] _bytes = GC.AllocateArray<byte>(length, pinned: true);

    internal int Length => _bytes.Length;

    internal Span<byte> Span => _bytes;

    internal byte[] Array => _bytes;

    /// <summary>
    /// A piece for the host. Who takes one refers to this buffer until the host has done with it; <see cref="PinnedTransfer"/> does that.
    /// </summary>
    internal HostBuffer Slice(int offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)offset + (ulong)(uint)length, (ulong)_bytes.Length, nameof(length));
        return new HostBuffer(Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0) + offset, (nuint)length);
    }
}
