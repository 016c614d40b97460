using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Net.User.Packets;

/// <summary>A received TCP segment whose header has been checked (RFC 9293, 3.1). It points into the frame.</summary>
internal readonly ref struct TcpSegment
{
    internal ushort SourcePort { get; init; }

    internal ushort DestinationPort { get; init; }

    internal uint Sequence { get; init; }

    internal uint Acknowledgment { get; init; }

    internal TcpFlags Flags { get; init; }

    /// <summary>The window field, not scaled.</summary>
    internal ushort Window { get; init; }

    internal ReadOnlySpan<byte> Options { get; init; }

    internal ReadOnlySpan<byte> Payload { get; init; }

    /// <summary>How much of the sequence space the segment takes.</summary>
    internal uint SequenceLength => (uint)Payload.Length + (Has(TcpFlags.Syn) ? 1u : 0) + (Has(TcpFlags.Fin) ? 1u : 0);

    internal bool Has(TcpFlags flag) => (Flags & flag) != 0;

    internal static bool TryParse(ReadOnlySpan<byte> bytes, out TcpSegment segment)
    {
        segment = default;
        if (bytes.Length < HeaderLength.Tcp) return false;
        int header = (bytes[12] >> 4) * 4;
        if (header < HeaderLength.Tcp || header > bytes.Length) return false;
        segment = new TcpSegment
        {
            SourcePort = BinaryPrimitives.ReadUInt16BigEndian(bytes), DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            Sequence = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]), Acknowledgment = BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]),
            Flags = (TcpFlags)(bytes[13] & 0x1f), Window = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]),
            Options = bytes[HeaderLength.Tcp..header], Payload = bytes[header..],
        };
        return true;
    }
}

/// <summary>The options of TCP that both sides may use (RFC 9293, 3.2; RFC 7323, 2; RFC 2018).</summary>
/// <param name="MaximumSegment">Largest payload that the peer takes; zero if it does not say.</param>
/// <param name="WindowShift">How far windows are shifted; negative if the peer does not scale.</param>
/// <param name="SackPermitted">True if the peer reads selective acknowledgments.</param>
internal readonly record struct TcpOptions(int MaximumSegment, int WindowShift, bool SackPermitted)
{
    internal const byte End = 0, Nop = 1, KindMss = 2, KindScale = 3, KindSackPermitted = 4, KindSack = 5;
    private const int LargestShift = 14;

    /// <summary>Reads the options of a SYN; what makes no sense is passed over.</summary>
    internal static TcpOptions Read(ReadOnlySpan<byte> options)
    {
        TcpOptions result = new(0, -1, false);
        while (TryNext(ref options, out byte kind, out ReadOnlySpan<byte> data))
        {
            result = kind switch
            {
                KindMss when data.Length == 2 => result with { MaximumSegment = BinaryPrimitives.ReadUInt16BigEndian(data) },
                KindScale when data.Length == 1 => result with { WindowShift = Math.Min((int)data[0], LargestShift) },
                KindSackPermitted => result with { SackPermitted = true },
                _ => result,
            };
        }
        return result;
    }

    /// <summary>Takes the next option off; false at the end or where the list is broken.</summary>
    internal static bool TryNext(ref ReadOnlySpan<byte> options, out byte kind, out ReadOnlySpan<byte> data)
    {
        while (!options.IsEmpty && options[0] == Nop) options = options[1..];
        kind = End;
        data = default;
        if (options.Length < 2 || options[0] == End || options[1] < 2 || options[1] > options.Length) return false;
        kind = options[0];
        data = options[2..options[1]];
        options = options[options[1]..];
        return true;
    }
}
