using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Share;

/// <summary>
/// Reads the fields of a message that was checked against its layout (<see cref="ShareMessage.Fits"/>), so that no read can run out of
/// bytes. All numbers are little-endian; a text is a length of 16 bits and as many bytes.
/// </summary>
internal ref struct ShareReader(ReadOnlySpan<byte> fields)
{
    private ReadOnlySpan<byte> _rest = fields;

    internal byte Byte() => Take(1)[0];

    internal ushort Short() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    internal uint Int() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    internal ulong Long() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    internal ReadOnlySpan<byte> Text() => Take(Short());

    private ReadOnlySpan<byte> Take(int count)
    {
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
