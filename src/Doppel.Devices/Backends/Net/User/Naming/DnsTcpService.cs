using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Tcp;

namespace Doppel.Devices.Backends.Net.User.Naming;

/// <summary>
/// The name server's end of a guest's TCP connection to it (RFC 7766): takes the stream apart into queries and puts the answers together.
/// Thread contract: the event loop's thread.
/// </summary>
internal sealed class DnsTcpService(DnsForwarder forwarder, TcpConnection connection) : ITcpRemote, IDnsClient
{
    private const int Prefix = sizeof(ushort);
    // Each may be 64 KiB long.
    private const int MostAnswers = 8;

    private readonly Queue<byte[]> _answers = new();
    private byte[] _query = new byte[512];
    private int _queryLength;
    private int _answerSent;
    private int _asked;
    private bool _ended;
    private bool _closed;

    public bool IsConnected => true;

    public int Write(ReadOnlySpan<byte> data)
    {
        int total = 0;
        // A client that reads no answers asks no more.
        while (total < data.Length && _asked + _answers.Count < MostAnswers)
        {
            int wanted = _queryLength < Prefix ? Prefix : Prefix + BinaryPrimitives.ReadUInt16BigEndian(_query);
            if (wanted > _query.Length) Array.Resize(ref _query, wanted);
            int count = Math.Min(wanted - _queryLength, data.Length - total);
            data.Slice(total, count).CopyTo(_query.AsSpan(_queryLength));
            _queryLength += count;
            total += count;
            if (_queryLength < Prefix || _queryLength < Prefix + BinaryPrimitives.ReadUInt16BigEndian(_query)) continue;
            int length = _queryLength - Prefix;
            _queryLength = 0;
            if (length < Dns.HeaderLength || DnsMessage.IsResponse(_query.AsSpan(Prefix))) return -1;
            _asked++;
            forwarder.Ask(_query.AsSpan(Prefix, length), overTcp: true, this);
        }
        return total;
    }

    public void EndWrite()
    {
        _ended = true;
        connection.RemoteReady();
    }

    public RemoteRead Read(Span<byte> buffer, out int count)
    {
        count = 0;
        if (!_answers.TryPeek(out byte[]? answer)) return _ended && _asked == 0 ? RemoteRead.End : RemoteRead.Nothing;
        count = Math.Min(buffer.Length, answer.Length - _answerSent);
        answer.AsSpan(_answerSent, count).CopyTo(buffer);
        _answerSent += count;
        if (_answerSent < answer.Length) return RemoteRead.Data;
        _answers.Dequeue();
        _answerSent = 0;
        // There may be room for a query that had to wait.
        connection.RemoteReady();
        return RemoteRead.Data;
    }

    public void Close(bool reset)
    {
        _closed = true;
        forwarder.Streams--;
    }

    public void Answer(ReadOnlySpan<byte> message)
    {
        if (_closed) return;
        _asked--;
        byte[] answer = new byte[Prefix + message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(answer, (ushort)message.Length);
        message.CopyTo(answer.AsSpan(Prefix));
        _answers.Enqueue(answer);
        connection.RemoteReady();
    }
}
