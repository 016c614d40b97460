namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>What a table says of a cluster of the disk.</summary>
internal enum Qcow2Kind
{
    /// <summary>Nothing: the backing file's, or zero.</summary>
    Unallocated,

    /// <summary>Zero, with no cluster of the file.</summary>
    Zero,

    /// <summary>Zero, with a cluster of the file of its own that holds anything.</summary>
    ZeroAllocated,

    /// <summary>Zero, with a cluster of the file that a snapshot has too.</summary>
    ZeroShared,

    /// <summary>Data in a cluster of its own, which may be overwritten.</summary>
    Data,

    /// <summary>Data in a cluster that a snapshot has too.</summary>
    Shared,

    /// <summary>Compressed.</summary>
    Compressed,
}

/// <summary>A stretch of the disk of one kind, side by side in the file.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Host">Place in the file of its first byte, where it has one.</param>
/// <param name="Length">Length in bytes.</param>
/// <param name="Entry">Table entry of its first cluster.</param>
internal readonly record struct Qcow2Run(Qcow2Kind Kind, long Host, long Length, ulong Entry)
{
    internal bool ReadsAsZero => Kind is Qcow2Kind.Zero or Qcow2Kind.ZeroAllocated or Qcow2Kind.ZeroShared;

    /// <summary>True if a plain cluster of the file belongs to it.</summary>
    internal bool HasCluster => Kind is Qcow2Kind.Data or Qcow2Kind.Shared or Qcow2Kind.ZeroAllocated or Qcow2Kind.ZeroShared;
}
