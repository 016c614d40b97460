using System.Buffers.Binary;
using System.Text;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Naming;

/// <summary>The numbers of DNS that are used here (RFC 1035, RFC 3596).</summary>
internal static class Dns
{
    internal const ushort Port = 53;
    internal const ushort TypeA = 1, TypeAaaa = 28, ClassIn = 1;
    internal const int HeaderLength = 12;
    internal const byte NoError = 0, FormatError = 1, ServerFailure = 2, NameError = 3, NotImplemented = 4, Refused = 5;
    internal const int LongestMessage = 65535;
}

/// <summary>The question of a query.</summary>
/// <param name="Name">The name in small letters, without the last dot. A dot inside of a label parts nothing, and stands as its number.</param>
/// <param name="Type">What is asked for.</param>
/// <param name="End">Where the question ends in the message.</param>
internal readonly record struct DnsQuestion(string Name, ushort Type, int End)
{
    /// <summary>Reads a message with one question. What is wrong with it is told by the response code.</summary>
    internal static bool TryRead(ReadOnlySpan<byte> message, out DnsQuestion question)
    {
        question = default;
        if (message.Length < Dns.HeaderLength || BinaryPrimitives.ReadUInt16BigEndian(message[4..]) != 1) return false;
        StringBuilder name = new();
        int at = Dns.HeaderLength;
        while (true)
        {
            if (at >= message.Length || message[at] > 63) return false;
            int length = message[at++];
            if (length == 0) break;
            if (at + length > message.Length || name.Length + length > 255) return false;
            if (name.Length > 0) name.Append('.');
            foreach (byte c in message.Slice(at, length))
            {
                // Its number, as in a zone's file (RFC 1035, 5.1).
                if (c is (byte)'.' or (byte)'\\') name.Append(c == '.' ? "\\046" : "\\092");
                else name.Append(char.ToLowerInvariant((char)c));
            }
            at += length;
        }
        if (at + 4 > message.Length || BinaryPrimitives.ReadUInt16BigEndian(message[(at + 2)..]) != Dns.ClassIn) return false;
        question = new(name.ToString(), BinaryPrimitives.ReadUInt16BigEndian(message[at..]), at + 4);
        return true;
    }
}

/// <summary>Reads and writes messages of DNS. Pure functions.</summary>
internal static class DnsMessage
{
    private const byte ResponseBit = 0x80, AuthoritativeBit = 0x04, RecursionDesiredBit = 0x01, RecursionAvailableBit = 0x80;
    private const int OwnLifetimeSeconds = 60;

    internal static bool IsResponse(ReadOnlySpan<byte> message) => (message[2] & ResponseBit) != 0;

    /// <summary>True for a plain query (opcode 0).</summary>
    internal static bool IsStandardQuery(ReadOnlySpan<byte> message) => (message[2] >> 3 & 15) == 0;

    /// <summary>True if a message answers a query: same number, same question (RFC 5452, 9.1). Letters may have changed their case.</summary>
    internal static bool Answers(ReadOnlySpan<byte> response, ReadOnlySpan<byte> query, DnsQuestion question)
        => response.Length >= Dns.HeaderLength && IsResponse(response) && response[..2].SequenceEqual(query[..2])
            && DnsQuestion.TryRead(response, out DnsQuestion echoed) && echoed == question;

    /// <summary>True if a resolver says that it can not answer, which another one may.</summary>
    internal static bool IsRefusal(ReadOnlySpan<byte> response) => (response[3] & 15) is Dns.ServerFailure or Dns.NotImplemented or Dns.Refused;

    /// <summary>Writes an answer without records: a query's header and question with a response code.</summary>
    internal static byte[] Fail(ReadOnlySpan<byte> query, int end, byte code)
    {
        byte[] answer = query[..end].ToArray();
        answer[2] = (byte)(ResponseBit | (answer[2] & (0x78 | RecursionDesiredBit)));
        answer[3] = (byte)(RecursionAvailableBit | code);
        answer.AsSpan(6, 6).Clear();
        if (end == Dns.HeaderLength) answer.AsSpan(4, 2).Clear();
        return answer;
    }

    /// <summary>Writes an answer with one address, or with none if the address is not of the kind that was asked for.</summary>
    internal static byte[] Answer(ReadOnlySpan<byte> query, DnsQuestion question, IpAddress? address)
    {
        byte[] head = Fail(query, question.End, Dns.NoError);
        head[2] |= AuthoritativeBit;
        if (address is not { } known) return head;
        byte[] answer = new byte[head.Length + 12 + known.Length];
        head.CopyTo(answer, 0);
        answer[7] = 1;
        Span<byte> record = answer.AsSpan(head.Length);
        BinaryPrimitives.WriteUInt16BigEndian(record, 0xc000 | Dns.HeaderLength);
        BinaryPrimitives.WriteUInt16BigEndian(record[2..], question.Type);
        BinaryPrimitives.WriteUInt16BigEndian(record[4..], Dns.ClassIn);
        BinaryPrimitives.WriteInt32BigEndian(record[6..], OwnLifetimeSeconds);
        BinaryPrimitives.WriteUInt16BigEndian(record[10..], (ushort)known.Length);
        known.Write(record[12..]);
        return answer;
    }

    /// <summary>Writes names one after the other, as far as they fit (RFC 1035, 3.1).</summary>
    internal static byte[] EncodeNames(IReadOnlyList<string> names, int most)
    {
        List<byte> bytes = [];
        foreach (string name in names)
        {
            if (bytes.Count + name.Length + 2 > most) break;
            foreach (string label in name.Split('.')) bytes.AddRange([(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]);
            bytes.Add(0);
        }
        return [.. bytes];
    }

    /// <summary>Tells of each address among the answers; a broken message ends the list.</summary>
    internal static void ReadAddresses(ReadOnlySpan<byte> response, DnsQuestion question, Action<IpAddress, uint> found)
    {
        int records = BinaryPrimitives.ReadUInt16BigEndian(response[6..]), at = question.End;
        for (int i = 0; i < records; i++)
        {
            if (!TrySkipName(response, ref at) || at + 10 > response.Length) return;
            ushort type = BinaryPrimitives.ReadUInt16BigEndian(response[at..]);
            uint lifetime = BinaryPrimitives.ReadUInt32BigEndian(response[(at + 4)..]);
            int length = BinaryPrimitives.ReadUInt16BigEndian(response[(at + 8)..]);
            at += 10;
            if (at + length > response.Length) return;
            if ((type == Dns.TypeA && length == 4) || (type == Dns.TypeAaaa && length == 16)) found(IpAddress.Read(response.Slice(at, length)), lifetime);
            at += length;
        }
    }

    // A pointer (RFC 1035, 4.1.4) ends a name.
    private static bool TrySkipName(ReadOnlySpan<byte> message, ref int at)
    {
        while (at < message.Length)
        {
            byte length = message[at];
            if (length >= 0xc0)
            {
                at += 2;
                return true;
            }
            if (length > 63) return false;
            at += 1 + length;
            if (length == 0) return true;
        }
        return false;
    }
}
