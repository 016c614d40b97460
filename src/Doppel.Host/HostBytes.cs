using System.Buffers;
using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>
/// Bytes outside of the managed heap, for large content that is needed for a moment only: the heap would keep its size. Not cleared.
/// Thread contract: one owner; nobody uses the memory once it is disposed.
/// </summary>
public sealed unsafe class HostBytes : MemoryManager<byte>
{
    private readonly int _length;
    private byte* _address;

    /// <summary>Allocates memory.</summary>
    /// <param name="length">Length in bytes.</param>
    /// <exception cref="OutOfMemoryException">The host has no more.</exception>
    public HostBytes(int length)
    {
        _address = (byte*)NativeMemory.Alloc((nuint)length);
        _length = length;
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_address == null, this);
        // SAFETY: the allocation has this length and lives until it is disposed.
        unsafe { return new Span<byte>(_address, _length); }
    }

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
        return new MemoryHandle(_address + elementIndex);
    }

    /// <inheritdoc/>
    public override void Unpin()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        NativeMemory.Free(_address);
        _address = null;
    }
}
