using System.Buffers.Binary;
using System.Text;

namespace Doppel.Boot.DeviceTrees;

/// <summary>Writes a device tree in the flattened format, version 17 (Devicetree Specification v0.4, chapter 5).</summary>
internal sealed class DeviceTreeWriter
{
    private readonly MemoryStream _structure = new();
    private readonly MemoryStream _strings = new();
    private readonly Dictionary<string, uint> _stringOffsets = new(StringComparer.Ordinal);

    private DeviceTreeWriter()
    {
    }

    /// <summary>Flattens a tree.</summary>
    public static byte[] Write(DeviceTree tree)
    {
        DeviceTreeWriter writer = new();
        writer.WriteNode(tree.Root);
        writer.WriteToken(FlatFormat.End);
        return writer.Assemble(tree);
    }

    private void WriteNode(DeviceTreeNode node)
    {
        WriteToken(FlatFormat.BeginNode);
        _structure.Write(Encoding.Latin1.GetBytes(node.Name));
        _structure.WriteByte(0);
        Align();
        foreach (DeviceTreeProperty property in node.Properties)
        {
            WriteToken(FlatFormat.Property);
            WriteToken((uint)property.Value.Length);
            WriteToken(OffsetOf(property.Name));
            _structure.Write(property.Value.Span);
            Align();
        }
        foreach (DeviceTreeNode child in node.Children) WriteNode(child);
        WriteToken(FlatFormat.EndNode);
    }

    private uint OffsetOf(string name)
    {
        if (_stringOffsets.TryGetValue(name, out uint offset)) return offset;
        offset = (uint)_strings.Length;
        _strings.Write(Encoding.Latin1.GetBytes(name));
        _strings.WriteByte(0);
        _stringOffsets.Add(name, offset);
        return offset;
    }

    private byte[] Assemble(DeviceTree tree)
    {
        int reservations = FlatFormat.HeaderBytes;
        int structure = reservations + ((tree.Reservations.Count + 1) * FlatFormat.ReservationBytes);
        int strings = structure + (int)_structure.Length;
        byte[] blob = new byte[(strings + (int)_strings.Length + 7) & ~7];
        ReadOnlySpan<uint> header =
        [
            FlatFormat.Magic, (uint)blob.Length, (uint)structure, (uint)strings, (uint)reservations, FlatFormat.Version,
            FlatFormat.LastCompatibleVersion, tree.BootCpu, (uint)_strings.Length, (uint)_structure.Length,
        ];
        for (int i = 0; i < header.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(blob.AsSpan(i * 4), header[i]);
        for (int i = 0; i < tree.Reservations.Count; i++)
        {
            Span<byte> entry = blob.AsSpan(reservations + (i * FlatFormat.ReservationBytes));
            BinaryPrimitives.WriteUInt64BigEndian(entry, tree.Reservations[i].Address);
            BinaryPrimitives.WriteUInt64BigEndian(entry[8..], tree.Reservations[i].Size);
        }
        _structure.GetBuffer().AsSpan(0, (int)_structure.Length).CopyTo(blob.AsSpan(structure));
        _strings.GetBuffer().AsSpan(0, (int)_strings.Length).CopyTo(blob.AsSpan(strings));
        return blob;
    }

    private void WriteToken(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        _structure.Write(bytes);
    }

    private void Align()
    {
        while ((_structure.Length & 3) != 0) _structure.WriteByte(0);
    }
}
