using System.Buffers.Binary;

namespace Doppel.Devices.Virtio.Balloon;

/// <summary>
/// What the guest says of its memory (virtio 1.2, section 5.5.6.3), in bytes; null where it says nothing. It is the guest's word, no more.
/// </summary>
public sealed record BalloonStatistics
{
    private const int EntryBytes = 10;

    /// <summary>All memory that the guest's system manages.</summary>
    public ulong? Total { get; init; }

    /// <summary>Memory that is used for nothing at all.</summary>
    public ulong? Free { get; init; }

    /// <summary>Memory that programs could have without swapping.</summary>
    public ulong? Available { get; init; }

    /// <summary>Caches of files that could be given up.</summary>
    public ulong? Caches { get; init; }

    /// <summary>Memory swapped in and out so far.</summary>
    public ulong? SwappedIn { get; init; }

    /// <inheritdoc cref="SwappedIn"/>
    public ulong? SwappedOut { get; init; }

    /// <summary>Number of page faults so far that needed a disk, and that did not.</summary>
    public ulong? MajorFaults { get; init; }

    /// <inheritdoc cref="MajorFaults"/>
    public ulong? MinorFaults { get; init; }

    // Packed pairs of a 16-bit tag and a 64-bit value; tags that are not known here are left out.
    internal static BalloonStatistics Read(ReadOnlySpan<byte> entries)
    {
        Span<ulong?> values = stackalloc ulong?[8];
        for (; entries.Length >= EntryBytes; entries = entries[EntryBytes..])
        {
            ushort tag = BinaryPrimitives.ReadUInt16LittleEndian(entries);
            if (tag < values.Length) values[tag] = BinaryPrimitives.ReadUInt64LittleEndian(entries[2..]);
        }
        return new BalloonStatistics
        {
            SwappedIn = values[0],
            SwappedOut = values[1],
            MajorFaults = values[2],
            MinorFaults = values[3],
            Free = values[4],
            Total = values[5],
            Available = values[6],
            Caches = values[7],
        };
    }
}
