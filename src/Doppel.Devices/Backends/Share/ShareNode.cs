using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>Compares names byte by byte.</summary>
internal sealed class ShareNameComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
{
    internal static readonly ShareNameComparer Instance = new();

    public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

    public int GetHashCode(byte[] obj) => GetHashCode((ReadOnlySpan<byte>)obj);

    public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

    public int GetHashCode(ReadOnlySpan<byte> alternate)
    {
        HashCode hash = default;
        hash.AddBytes(alternate);
        return hash.ToHashCode();
    }

    public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
}

/// <summary>
/// A file that the guest holds, by the place where it found it. The descriptor is a cache: it can be found again by the names that lead
/// here, and whether it is still the same file shows in its identity. Thread contract: one thread at a time.
/// </summary>
internal sealed class ShareNode
{
    /// <summary>Creates a node in a folder; the folder's count of references is the caller's to raise.</summary>
    internal ShareNode(ShareNode? parent, byte[] name, HostFileIdentity identity, ulong number)
    {
        Parent = parent;
        Name = name;
        Identity = identity;
        Number = number;
        Place = new LinkedListNode<ShareNode>(this);
    }

    /// <summary>The folder; null for the root.</summary>
    internal ShareNode? Parent { get; set; }

    internal byte[] Name { get; set; }

    internal HostFileIdentity Identity { get; }

    /// <summary>The file's number as the guest sees it.</summary>
    internal ulong Number { get; }

    /// <summary>The descriptor, or null.</summary>
    internal HostEntry? Entry { get; set; }

    /// <summary>The turn in which the descriptor was last needed.</summary>
    internal ulong LastUse { get; set; }

    /// <summary>Handles and nodes that need this one.</summary>
    internal int References { get; set; }

    /// <summary>The names that led here lead elsewhere or nowhere now: only the descriptor is left.</summary>
    internal bool IsDetached { get; set; }

    /// <summary>Nodes in this folder by name.</summary>
    internal Dictionary<byte[], ShareNode>? Children { get; set; }

    /// <summary>Place among the descriptors that can be given up.</summary>
    internal LinkedListNode<ShareNode> Place { get; }

    internal ShareQid Qid => new(ShareQid.TypeOf(Identity.Type), Number);

    internal bool IsFolder => Identity.Type == HostFileStatus.Folder;
}
