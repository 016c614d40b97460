using System.Buffers.Binary;
using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>
/// What names a file to the guest: type, version and number. The version is always zero, see docs/decisions/0014-sharing.md.
/// </summary>
internal readonly record struct ShareQid(byte Type, ulong Path)
{
    internal const int Size = 13;
    internal const byte Folder = 0x80, Symlink = 0x02;

    internal static byte TypeOf(uint type) => type switch { HostFileStatus.Folder => Folder, HostFileStatus.Symlink => Symlink, _ => 0 };
}

/// <summary>Writes the fields of a reply. Where there is no room nothing is written, and <see cref="IsFull"/> says so.</summary>
internal ref struct ShareWriter(Span<byte> room)
{
    private readonly Span<byte> _room = room;

    internal int Length { get; private set; }

    internal bool IsFull { get; private set; }

    /// <summary>Bytes that still fit.</summary>
    internal readonly int Left => _room.Length - Length;

    internal void Byte(byte value)
    {
        if (TryTake(1, out Span<byte> place)) place[0] = value;
    }

    internal void Short(ushort value)
    {
        if (TryTake(2, out Span<byte> place)) BinaryPrimitives.WriteUInt16LittleEndian(place, value);
    }

    internal void Int(uint value)
    {
        if (TryTake(4, out Span<byte> place)) BinaryPrimitives.WriteUInt32LittleEndian(place, value);
    }

    internal void Long(ulong value)
    {
        if (TryTake(8, out Span<byte> place)) BinaryPrimitives.WriteUInt64LittleEndian(place, value);
    }

    internal void Time(HostFileTime time)
    {
        Long((ulong)time.Seconds);
        Long(time.Nanoseconds);
    }

    internal void Qid(ShareQid qid)
    {
        Byte(qid.Type);
        Int(0);
        Long(qid.Path);
    }

    internal void Text(scoped ReadOnlySpan<byte> text)
    {
        Short((ushort)text.Length);
        Bytes(text);
    }

    internal void Bytes(scoped ReadOnlySpan<byte> bytes)
    {
        if (TryTake(bytes.Length, out Span<byte> place)) bytes.CopyTo(place);
    }

    /// <summary>Overwrites a number that was written.</summary>
    internal readonly void Replace(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_room[offset..], value);

    /// <summary>Overwrites the count in front, and ends after what belongs to it.</summary>
    internal void Shorten(ushort count, int length)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_room, count);
        Length = length;
    }

    private bool TryTake(int count, out Span<byte> place)
    {
        IsFull |= count > Left;
        place = IsFull ? default : _room.Slice(Length, count);
        if (!IsFull) Length += count;
        return !IsFull;
    }
}
