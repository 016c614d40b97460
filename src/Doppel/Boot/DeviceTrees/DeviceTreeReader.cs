using System.Buffers.Binary;
using System.Text;

namespace Doppel.Boot.DeviceTrees;

/// <summary>
/// Reads a flattened device tree that somebody else wrote. Nothing in it is trusted: each offset and length is checked against the
/// bytes that are there, depth and count are bounded. Accepts versions 16 and 17 (Devicetree Specification v0.4, chapter 5).
/// </summary>
internal ref struct DeviceTreeReader
{
    // Far above any real tree, far below what could exhaust the stack or the memory of the host.
    private const int MaxDepth = 64;
    private const int MaxItems = 1 << 20;
    private const int MaxReservations = 4096;

    private readonly ReadOnlyMemory<byte> _blob;
    private readonly ReadOnlySpan<byte> _strings;
    private readonly int _structureEnd;
    private int _at;
    private int _items;

    private DeviceTreeReader(ReadOnlyMemory<byte> blob, int structure, int structureEnd, ReadOnlySpan<byte> strings)
    {
        _blob = blob;
        _at = structure;
        _structureEnd = structureEnd;
        _strings = strings;
    }

    /// <summary>Reads a tree. The result keeps references into <paramref name="blob"/>.</summary>
    /// <exception cref="FormatException">The blob is not a well-formed tree; the message says why and where.</exception>
    public static DeviceTree Read(ReadOnlyMemory<byte> blob)
    {
        ReadOnlySpan<byte> bytes = blob.Span;
        if (bytes.Length < FlatFormat.HeaderBytes) throw new FormatException($"it has {bytes.Length} bytes, fewer than a header");
        if (Header(bytes, 0) != FlatFormat.Magic) throw new FormatException("it does not begin with the magic number 0xd00dfeed");
        uint total = Header(bytes, 1), structure = Header(bytes, 2), strings = Header(bytes, 3), version = Header(bytes, 5);
        if (version < FlatFormat.LastCompatibleVersion || Header(bytes, 6) > FlatFormat.Version)
            throw new FormatException($"version {version} is not supported (16 and 17 are)");
        if (total < FlatFormat.HeaderBytes || total > (uint)bytes.Length)
            throw new FormatException($"its header says {total} bytes, the file has {bytes.Length}");
        uint stringsSize = Header(bytes, 8);
        uint structureSize = version >= 17 ? Header(bytes, 9) : total - Math.Min(structure, total);
        Check(structure, structureSize, total, "structure block");
        Check(strings, stringsSize, total, "strings block");
        if ((structure & 3) != 0) throw new FormatException("its structure block is not aligned to 4 bytes");
        DeviceTreeReader reader = new(blob, (int)structure, (int)(structure + structureSize), bytes.Slice((int)strings, (int)stringsSize));
        DeviceTree tree = new() { Root = reader.ReadRoot(), BootCpu = Header(bytes, 7) };
        ReadReservations(bytes[..(int)total], Header(bytes, 4), tree);
        return tree;
    }

    private static uint Header(ReadOnlySpan<byte> bytes, int index) => BinaryPrimitives.ReadUInt32BigEndian(bytes[(index * 4)..]);

    private static void Check(uint offset, uint size, uint total, string what)
    {
        if (offset < FlatFormat.HeaderBytes || offset > total || size > total - offset)
            throw new FormatException($"its {what} (offset {offset}, {size} bytes) lies outside the tree of {total} bytes");
    }

    private static void ReadReservations(ReadOnlySpan<byte> bytes, uint offset, DeviceTree tree)
    {
        for (int i = 0; i < MaxReservations; i++)
        {
            long at = offset + ((long)i * FlatFormat.ReservationBytes);
            if (at + FlatFormat.ReservationBytes > bytes.Length) throw new FormatException("its memory reservation block has no end");
            ulong address = BinaryPrimitives.ReadUInt64BigEndian(bytes[(int)at..]);
            ulong size = BinaryPrimitives.ReadUInt64BigEndian(bytes[((int)at + 8)..]);
            if (address == 0 && size == 0) return;
            tree.Reservations.Add((address, size));
        }
        throw new FormatException($"it has more than {MaxReservations} memory reservations");
    }

    private DeviceTreeNode ReadRoot()
    {
        if (NextToken() != FlatFormat.BeginNode) throw new FormatException("its structure block does not begin with a node");
        DeviceTreeNode root = ReadNode(0);
        return NextToken() == FlatFormat.End ? root : throw new FormatException("something follows its root node");
    }

    private DeviceTreeNode ReadNode(int depth)
    {
        if (depth > MaxDepth) throw new FormatException($"its nodes are nested deeper than {MaxDepth} levels");
        DeviceTreeNode node = new(ReadName());
        while (true)
        {
            uint token = NextToken();
            if (++_items > MaxItems) throw new FormatException($"it has more than {MaxItems} nodes and properties");
            switch (token)
            {
                case FlatFormat.Property:
                    ReadProperty(node);
                    break;
                case FlatFormat.BeginNode:
                    node.Add(ReadNode(depth + 1));
                    break;
                case FlatFormat.EndNode:
                    return node;
                default:
                    throw new FormatException($"token 0x{token:x} at offset {_at - 4} is unknown here");
            }
        }
    }

    private void ReadProperty(DeviceTreeNode node)
    {
        uint length = Cell(), nameOffset = Cell();
        if (length > (uint)(_structureEnd - _at)) throw new FormatException($"the property at offset {_at - 12} reaches past the structure block");
        if (nameOffset >= (uint)_strings.Length) throw new FormatException($"the property at offset {_at - 12} has no name");
        ReadOnlySpan<byte> name = _strings[(int)nameOffset..];
        int end = name.IndexOf((byte)0);
        if (end < 0) throw new FormatException($"the name of the property at offset {_at - 12} has no end");
        node.Append(new DeviceTreeProperty(Encoding.Latin1.GetString(name[..end]), _blob.Slice(_at, (int)length)));
        Advance((int)length);
    }

    private string ReadName()
    {
        ReadOnlySpan<byte> rest = _blob.Span[_at.._structureEnd];
        int end = rest.IndexOf((byte)0);
        if (end < 0) throw new FormatException($"the name of the node at offset {_at - 4} has no end");
        string name = Encoding.Latin1.GetString(rest[..end]);
        Advance(end + 1);
        return name;
    }

    private uint NextToken()
    {
        uint token;
        do token = Cell();
        while (token == FlatFormat.Nop);
        return token;
    }

    private uint Cell()
    {
        if (_structureEnd - _at < 4) throw new FormatException("its structure block ends in the middle of a node");
        uint value = BinaryPrimitives.ReadUInt32BigEndian(_blob.Span[_at..]);
        _at += 4;
        return value;
    }

    private void Advance(int bytes) => _at = Math.Min(_at + ((bytes + 3) & ~3), _structureEnd);
}
