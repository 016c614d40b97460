using System.Buffers.Binary;
using System.Text;

namespace Doppel.Boot.DeviceTrees;

/// <summary>One property: a name and its bytes, in the encoding of the specification (cells are big-endian).</summary>
internal sealed record DeviceTreeProperty(string Name, ReadOnlyMemory<byte> Value);

/// <summary>One node of a device tree.</summary>
internal sealed class DeviceTreeNode(string name)
{
    private readonly List<DeviceTreeProperty> _properties = [];
    private readonly List<DeviceTreeNode> _children = [];

    /// <summary>Name with unit address, such as <c>serial@10000000</c>.</summary>
    public string Name { get; } = name;

    /// <summary>Properties in writing order.</summary>
    public IReadOnlyList<DeviceTreeProperty> Properties => _properties;

    /// <summary>Child nodes in writing order.</summary>
    public IReadOnlyList<DeviceTreeNode> Children => _children;

    /// <summary>Adds a child and returns it.</summary>
    public DeviceTreeNode Add(string childName)
    {
        DeviceTreeNode child = new(childName);
        _children.Add(child);
        return child;
    }

    /// <summary>Adds a finished child.</summary>
    public void Add(DeviceTreeNode child) => _children.Add(child);

    /// <summary>Finds a child by its full name.</summary>
    public DeviceTreeNode? Find(string childName) =>
        _children.Find(c => string.Equals(c.Name, childName, StringComparison.Ordinal));

    /// <summary>Finds a child by its full name, or adds it.</summary>
    public DeviceTreeNode FindOrAdd(string childName) => Find(childName) ?? Add(childName);

    /// <summary>Removes the children that a predicate selects.</summary>
    public void RemoveChildren(Predicate<DeviceTreeNode> match) => _children.RemoveAll(match);

    /// <summary>The value of a property; null where there is none.</summary>
    public ReadOnlyMemory<byte>? Get(string propertyName) =>
        _properties.Find(p => string.Equals(p.Name, propertyName, StringComparison.Ordinal))?.Value;

    /// <summary>Sets a property to bytes, in its old place if it exists.</summary>
    public DeviceTreeNode Set(string propertyName, ReadOnlyMemory<byte> value)
    {
        DeviceTreeProperty property = new(propertyName, value);
        int at = _properties.FindIndex(p => string.Equals(p.Name, propertyName, StringComparison.Ordinal));
        if (at < 0) _properties.Add(property);
        else _properties[at] = property;
        return this;
    }

    /// <summary>Adds a property behind all others, without looking whether it exists.</summary>
    public void Append(DeviceTreeProperty property) => _properties.Add(property);

    /// <summary>Removes a property if it exists.</summary>
    public void Remove(string propertyName) =>
        _properties.RemoveAll(p => string.Equals(p.Name, propertyName, StringComparison.Ordinal));

    /// <summary>Sets a property that has no value.</summary>
    public DeviceTreeNode SetFlag(string propertyName) => Set(propertyName, ReadOnlyMemory<byte>.Empty);

    /// <summary>Sets a property to 32-bit cells.</summary>
    public DeviceTreeNode SetCells(string propertyName, params ReadOnlySpan<uint> cells)
    {
        byte[] bytes = new byte[cells.Length * 4];
        for (int i = 0; i < cells.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(i * 4), cells[i]);
        return Set(propertyName, bytes);
    }

    /// <summary>Sets a property to 64-bit numbers of two cells each.</summary>
    public DeviceTreeNode SetQuads(string propertyName, params ReadOnlySpan<ulong> values)
    {
        byte[] bytes = new byte[values.Length * 8];
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * 8), values[i]);
        return Set(propertyName, bytes);
    }

    /// <summary>Sets a property to a list of strings, each ended by a zero byte.</summary>
    public DeviceTreeNode SetStrings(string propertyName, params ReadOnlySpan<string> values)
    {
        using MemoryStream bytes = new();
        foreach (string value in values)
        {
            bytes.Write(Encoding.UTF8.GetBytes(value));
            bytes.WriteByte(0);
        }
        return Set(propertyName, bytes.ToArray());
    }
}
