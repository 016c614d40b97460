using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Block.Foreign;

/// <summary>
/// VirtualBox's format: a table with the number of the block in the file for each block of the disk. Thread contract: immutable.
/// </summary>
internal sealed class VdiLayout : IForeignLayout
{
    private const uint Signature = 0xBEDA_107F, Dynamic = 1, Static = 2;
    private const int HeaderLength = 512;

    private readonly PinnedBuffer _blocks;
    private readonly long _dataOffset;
    private readonly uint _blockBytes;

    internal VdiLayout(IImageFile file)
    {
        PinnedBuffer header = new(HeaderLength);
        file.Read(0, header);
        if (U32(header.Span, 0x40) != Signature)
            throw new DiskImageException($"{file.Path} is no VDI image; give its real format with format=");
        if (U32(header.Span, 0x4C) is not (Dynamic or Static)) throw ForeignImage.Damaged(file, "it depends on another image");
        _blockBytes = U32(header.Span, 0x178);
        uint count = U32(header.Span, 0x180);
        if (_blockBytes < 4096 || (_blockBytes & (_blockBytes - 1)) != 0 || U32(header.Span, 0x17C) != 0)
            throw ForeignImage.Damaged(file, $"blocks of {_blockBytes} bytes");
        Length = ForeignImage.CheckSize(file, BinaryPrimitives.ReadUInt64LittleEndian(header.Span[0x170..]), count);
        if ((Length + _blockBytes - 1) / _blockBytes > count) throw ForeignImage.Damaged(file, "its table is too short");
        _dataOffset = U32(header.Span, 0x158);
        _blocks = new PinnedBuffer(checked((int)count * 4));
        file.Read(U32(header.Span, 0x154), _blocks);
    }

    public long Length { get; }

    public ForeignPlace Find(long offset)
    {
        long inside = offset % _blockBytes, length = Math.Min(_blockBytes - inside, Length - offset);
        uint block = U32(_blocks.Span, (int)(offset / _blockBytes) * 4);
        // The two largest numbers stand for a block that was never written and for one that is zero.
        return new ForeignPlace(block >= 0xFFFF_FFFE ? null : _dataOffset + (long)block * _blockBytes + inside, length);
    }

    public ReadOnlySpan<byte> Unpack(long offset, long place) => throw new NotSupportedException();

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);
}
