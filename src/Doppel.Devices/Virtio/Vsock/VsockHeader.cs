using System.Buffers.Binary;

namespace Doppel.Devices.Virtio.Vsock;

/// <summary>What a packet is for (virtio 1.2, section 5.10.6).</summary>
internal enum VsockOperation : ushort
{
    Invalid = 0,
    Request = 1,
    Response = 2,
    Reset = 3,
    Shutdown = 4,
    Data = 5,
    CreditUpdate = 6,
    CreditRequest = 7,
}

/// <summary>What an end that shuts down will not do any more (section 5.10.6.6.1).</summary>
[Flags]
internal enum VsockShutdown : uint
{
    None = 0,
    Receive = 1,
    Send = 2,
    Both = Receive | Send,
}

/// <summary>The header of every packet, 44 bytes, little-endian (section 5.10.6).</summary>
internal readonly record struct VsockHeader
{
    internal const int Size = 44;

    /// <summary>The only type of socket that is offered (section 5.10.6.1).</summary>
    internal const ushort StreamType = 1;

    internal ulong SourceCid { get; init; }

    internal ulong DestinationCid { get; init; }

    internal uint SourcePort { get; init; }

    internal uint DestinationPort { get; init; }

    /// <summary>Bytes behind the header.</summary>
    internal uint Length { get; init; }

    internal ushort Type { get; init; }

    internal VsockOperation Operation { get; init; }

    internal uint Flags { get; init; }

    /// <summary>Bytes that the sender keeps for what it receives.</summary>
    internal uint BufferSize { get; init; }

    /// <summary>Bytes that the sender has received and passed on, modulo 2^32.</summary>
    internal uint Forwarded { get; init; }

    internal static VsockHeader Read(ReadOnlySpan<byte> bytes) => new()
    {
        SourceCid = BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        DestinationCid = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
        SourcePort = BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]),
        DestinationPort = BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]),
        Length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]),
        Type = BinaryPrimitives.ReadUInt16LittleEndian(bytes[28..]),
        Operation = (VsockOperation)BinaryPrimitives.ReadUInt16LittleEndian(bytes[30..]),
        Flags = BinaryPrimitives.ReadUInt32LittleEndian(bytes[32..]),
        BufferSize = BinaryPrimitives.ReadUInt32LittleEndian(bytes[36..]),
        Forwarded = BinaryPrimitives.ReadUInt32LittleEndian(bytes[40..]),
    };

    internal void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, SourceCid);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], DestinationCid);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[16..], SourcePort);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[20..], DestinationPort);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[24..], Length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[28..], Type);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[30..], (ushort)Operation);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[32..], Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[36..], BufferSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[40..], Forwarded);
    }
}
