using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Block.Foreign;

/// <summary>
/// Virtual PC's format (Microsoft's "Virtual Hard Disk Image Format Specification", version 1.0): a footer, and for growing disks a table
/// of blocks, each of which begins with a bitmap. Thread contract: immutable.
/// </summary>
internal sealed class VhdLayout : IForeignLayout
{
    private const int FooterLength = 512, HeaderLength = 1024, SectorBytes = 512;
    private const uint Fixed = 2, Dynamic = 3, Unused = 0xFFFF_FFFF;

    private readonly PinnedBuffer? _blocks;
    private readonly uint _blockBytes = 1 << 20;
    private readonly long _bitmapBytes;

    internal VhdLayout(IImageFile file)
    {
        PinnedBuffer footer = new(FooterLength);
        file.Read(Math.Max(0, file.Length - FooterLength), footer);
        if (!footer.Span.StartsWith("conectix"u8))
            throw new DiskImageException($"{file.Path} is no VHD image; give its real format with format=");
        ulong size = BinaryPrimitives.ReadUInt64BigEndian(footer.Span[48..]);
        uint type = U32(footer.Span, 60);
        Length = ForeignImage.CheckSize(file, size, 0);
        if (type == Fixed && Length <= file.Length - FooterLength) return;
        if (type != Dynamic)
            throw ForeignImage.Damaged(file, type == Fixed ? "its footer and its length do not agree" : "it depends on another image");
        PinnedBuffer header = new(HeaderLength);
        ulong place = BinaryPrimitives.ReadUInt64BigEndian(footer.Span[16..]);
        if (place >= (ulong)file.Length) throw ForeignImage.Damaged(file, "its second header is not there");
        file.Read((long)place, header);
        if (!header.Span.StartsWith("cxsparse"u8)) throw ForeignImage.Damaged(file, "its second header is not there");
        _blockBytes = U32(header.Span, 32);
        uint count = U32(header.Span, 28);
        ulong table = BinaryPrimitives.ReadUInt64BigEndian(header.Span[16..]);
        if (_blockBytes < SectorBytes || (_blockBytes & (_blockBytes - 1)) != 0)
            throw ForeignImage.Damaged(file, $"blocks of {_blockBytes} bytes");
        ForeignImage.CheckSize(file, size, count);
        if ((Length + _blockBytes - 1) / _blockBytes > count || table > (ulong)file.Length)
            throw ForeignImage.Damaged(file, "its table is too short or not there");
        _bitmapBytes = (_blockBytes / SectorBytes / 8 + SectorBytes - 1) / SectorBytes * SectorBytes;
        _blocks = new PinnedBuffer((int)count * 4);
        file.Read((long)table, _blocks);
    }

    public long Length { get; }

    // A sector that the bitmap does not know is zero in the block too, unless the disk depends on another.
    public ForeignPlace Find(long offset)
    {
        if (_blocks is null) return new ForeignPlace(offset, Length - offset);
        long inside = offset % _blockBytes, length = Math.Min(_blockBytes - inside, Length - offset);
        uint sector = U32(_blocks.Span, (int)(offset / _blockBytes) * 4);
        return new ForeignPlace(sector == Unused ? null : (long)sector * SectorBytes + _bitmapBytes + inside, length);
    }

    public ReadOnlySpan<byte> Unpack(long offset, long place) => throw new NotSupportedException();

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32BigEndian(bytes[offset..]);
}
