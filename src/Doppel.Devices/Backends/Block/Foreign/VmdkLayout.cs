using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Doppel.Devices.Backends.Block.Qcow2;

namespace Doppel.Devices.Backends.Block.Foreign;

/// <summary>
/// VMware's format in one file (VMware's "Virtual Disk Format 5.0"): a directory of tables of grains, which may be packed as in disks made
/// for transport. Thread contract: one thread at a time.
/// </summary>
internal sealed class VmdkLayout : IForeignLayout
{
    private const int HeaderLength = 512, SectorBytes = 512, MarkerLength = 12, CacheBytes = 1 << 20, LongestDescriptor = 64 << 10;
    private const uint Magic = 0x564D_444B, Packed = 1 << 16;
    private const ulong DirectoryAtEnd = ulong.MaxValue;

    private readonly IImageFile _file;
    private readonly MetadataCache _tables;
    private readonly PinnedBuffer _directory;
    private readonly int _grainBytes, _tableEntries;
    private readonly bool _isPacked;
    private readonly byte[] _grain;
    private long _grainPlace = -1;

    internal VmdkLayout(IImageFile file)
    {
        _file = file;
        PinnedBuffer header = new(HeaderLength);
        file.Read(0, header);
        if (U32(header.Span, 0) != Magic)
            throw new DiskImageException($"{file.Path} is no VMDK image in one file; convert it with `qemu-img convert -O qcow2`");
        if (U64(header.Span, 56) == DirectoryAtEnd) file.Read(Math.Max(0, file.Length - 2 * HeaderLength), header);
        if (U32(header.Span, 0) != Magic || U32(header.Span, 4) > 3)
            throw ForeignImage.Damaged(file, "its second header is not there, or of a later version");
        CheckAlone(file, U64(header.Span, 28), U64(header.Span, 36));
        (ulong sectors, ulong grain, uint entries) = (U64(header.Span, 12), U64(header.Span, 20), U32(header.Span, 44));
        if (grain is < 1 or > 4096 || (grain & (grain - 1)) != 0 || entries is < 1 or > 512 * 128)
            throw ForeignImage.Damaged(file, $"grains of {grain} sectors");
        ulong perTable = grain * entries, tables = sectors > 1UL << 53 ? ulong.MaxValue : (sectors + perTable - 1) / perTable;
        Length = ForeignImage.CheckSize(file, tables == ulong.MaxValue ? tables : sectors * SectorBytes, (long)Math.Min(tables, long.MaxValue));
        _grainBytes = (int)grain * SectorBytes;
        _tableEntries = (int)entries;
        _isPacked = (U32(header.Span, 8) & Packed) != 0;
        _grain = new byte[_grainBytes];
        _directory = new PinnedBuffer((int)tables * 4);
        file.Read(Place(file, U64(header.Span, 56)), _directory);
        _tables = new MetadataCache(file, SectorBytes, CacheBytes / SectorBytes);
    }

    public long Length { get; }

    public ForeignPlace Find(long offset)
    {
        long grain = offset / _grainBytes, inside = offset % _grainBytes, length = Math.Min(_grainBytes - inside, Length - offset);
        long table = U32(_directory.Span, (int)(grain / _tableEntries) * 4) * (long)SectorBytes;
        if (table == 0) return new ForeignPlace(null, length);
        long entry = table + grain % _tableEntries * 4;
        uint sector;
        lock (_tables.Gate) sector = U32(_tables.Get(entry), (int)(entry % SectorBytes));
        // 0: never written; 1: written with zeroes.
        if (sector <= 1) return new ForeignPlace(null, length);
        long place = sector * (long)SectorBytes;
        return _isPacked ? new ForeignPlace(place, length, IsPacked: true) : new ForeignPlace(place + inside, length);
    }

    public ReadOnlySpan<byte> Unpack(long offset, long place)
    {
        if (_grainPlace != place) ReadGrain(place);
        return _grain.AsSpan((int)(offset % _grainBytes));
    }

    // A packed grain has a marker in front: its sector on the disk and its length.
    private void ReadGrain(long place)
    {
        _grainPlace = -1;
        PinnedBuffer marker = new(MarkerLength);
        _file.Read(place, marker);
        uint length = U32(marker.Span, 8);
        if (length > _grainBytes * 2L) throw ForeignImage.Damaged(_file, $"a packed grain at 0x{place:x} has {length} bytes");
        PinnedBuffer packed = new((int)length);
        _file.Read(place + MarkerLength, packed);
        try
        {
            using MemoryStream source = new(packed.Array, writable: false);
            using ZLibStream inflate = new(source, CompressionMode.Decompress);
            int count = inflate.ReadAtLeast(_grain, _grainBytes, throwOnEndOfStream: false);
            _grain.AsSpan(count).Clear();
        }
        catch (InvalidDataException e)
        {
            throw new DiskImageException($"{_file.Path} is damaged: the packed grain at 0x{place:x} can not be read; restore the image "
                + "from a copy", e);
        }
        _grainPlace = place;
    }

    // The descriptor is text; a disk that depends on another one names it there.
    private static void CheckAlone(IImageFile file, ulong sector, ulong sectors)
    {
        if (sector == 0 || sectors == 0) return;
        PinnedBuffer text = new((int)Math.Min(sectors * SectorBytes, LongestDescriptor));
        file.Read(Place(file, sector), text);
        string descriptor = Encoding.ASCII.GetString(text.Span);
        if (descriptor.Contains("parentFileNameHint", StringComparison.OrdinalIgnoreCase))
            throw ForeignImage.Damaged(file, "it depends on another image");
    }

    private static long Place(IImageFile file, ulong sector)
        => sector <= (ulong)file.Length / SectorBytes
            ? (long)sector * SectorBytes
            : throw ForeignImage.Damaged(file, "a table lies behind its end");

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);
}
