using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Doppel.Devices.Backends.Share;
using Doppel.Host;

namespace Doppel.UnitTests.Shares;

/// <summary>A reply, field by field.</summary>
internal sealed class ShareAnswer(byte type, byte[] body, byte[] data)
{
    private int _at;

    internal byte Type => type;

    /// <summary>Error number; zero if it is none.</summary>
    internal int Errno => type == 7 ? BinaryPrimitives.ReadInt32LittleEndian(body) : 0;

    /// <summary>Data of a read.</summary>
    internal byte[] Data => data;

    internal string Text => Encoding.Latin1.GetString(data);

    internal int Left => body.Length - _at;

    internal byte Byte() => Take(1)[0];

    internal ushort Short() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    internal uint Int() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    internal ulong Long() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    internal string String() => Encoding.Latin1.GetString(Take(Short()));

    internal (byte Type, uint Version, ulong Path) Qid() => (Byte(), Int(), Long());

    private ReadOnlySpan<byte> Take(int count)
    {
        _at += count;
        return body.AsSpan(_at - count, count);
    }
}

/// <summary>What getattr tells.</summary>
internal sealed record ShareAttributes(uint Mode, uint Uid, uint Gid, ulong Links, ulong Size, ulong Accessed, ulong Modified);

/// <summary>
/// The guest's side of a share, written from the protocol's description and not from the server's code: numbers and layouts stand here
/// again.
/// </summary>
internal sealed class ShareClient : IShareBulk, IDisposable
{
    internal const uint NoFid = uint.MaxValue, Root = 0;
    internal const uint ReadOnly = 0, WriteOnly = 1, ReadWrite = 2, Exclusive = 0x80, Truncate = 0x200, Append = 0x400;

    private readonly byte[] _source = GC.AllocateArray<byte>(1 << 20, pinned: true), _target = GC.AllocateArray<byte>(1 << 20, pinned: true);
    private readonly byte[] _reply = new byte[1 << 20];
    private readonly HostBuffer[] _buffers = new HostBuffer[2];
    private uint _sourceLength;
    private ushort _tag;

    internal ShareClient(ShareServer server, bool attach = true)
    {
        Server = server;
        if (!attach) return;
        Assert.Equal(0, Call(100, 1u << 20, "9P2000.L").Errno);
        Assert.Equal(0, Call(104, Root, NoFid, "root", "", 0u).Errno);
    }

    internal ShareServer Server { get; set; }

    /// <summary>The next number for a handle.</summary>
    internal uint NextFid { get; set; } = 1;

    public uint SourceLength => _sourceLength;

    public uint TargetLength { get; set; } = 1 << 20;

    public ReadOnlySpan<HostBuffer> GetSource(uint length) => Cut(_source, length);

    public ReadOnlySpan<HostBuffer> GetTarget(uint length) => Cut(_target, length);

    public void CopySource(Span<byte> destination) => _source.AsSpan(0, destination.Length).CopyTo(destination);

    public void Dispose() => Server.Dispose();

    /// <summary>
    /// Sends a message: byte, ushort, uint and ulong are numbers, a string (Latin-1, so that it can be any bytes) a text, an array texts.
    /// </summary>
    internal ShareAnswer Call(byte type, params object[] fields) => Send(Encode(type, fields), []);

    /// <summary>Sends a message that must succeed.</summary>
    internal ShareAnswer Do(byte type, params object[] fields)
    {
        ShareAnswer answer = Call(type, fields);
        Assert.Equal(0, answer.Errno);
        return answer;
    }

    internal byte[] Encode(byte type, params object[] fields)
    {
        MemoryStream bytes = new();
        using BinaryWriter writer = new(bytes, Encoding.Latin1);
        writer.Write(0);
        writer.Write(type);
        writer.Write(++_tag);
        foreach (object field in fields) Write(writer, field);
        byte[] message = bytes.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        return message;
    }

    /// <summary>Sends bytes as they are; the reply must be well-formed.</summary>
    internal ShareAnswer Send(byte[] message, byte[] data)
    {
        data.CopyTo(_source, 0);
        _sourceLength = (uint)data.Length;
        ShareReply reply = Server.Serve(message, _reply, this);
        Assert.InRange(reply.Head, 7, _reply.Length);
        Assert.Equal((uint)reply.Head + reply.Bulk, BinaryPrimitives.ReadUInt32LittleEndian(_reply));
        byte type = _reply[4];
        byte[] body = _reply[7..reply.Head];
        byte[] read = type == 117 ? [.. body.AsSpan(4), .. _target.AsSpan(0, (int)reply.Bulk)] : [];
        return new ShareAnswer(type, body, read);
    }

    internal int Write(uint fid, ulong offset, string text, out uint written)
    {
        byte[] data = Encoding.Latin1.GetBytes(text), message = Encode(118, fid, offset, (uint)data.Length);
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length + data.Length);
        ShareAnswer answer = Send(message, data);
        written = answer.Errno == 0 ? answer.Int() : 0;
        return answer.Errno;
    }

    /// <summary>Walks from the root; the error number, or zero and a new handle.</summary>
    internal int Walk(out uint fid, params string[] names) => WalkFrom(Root, out fid, names);

    internal int WalkFrom(uint from, out uint fid, params string[] names)
    {
        fid = NextFid++;
        ShareAnswer answer = Call(110, from, fid, names);
        if (answer.Errno != 0) return answer.Errno;
        return answer.Short() == names.Length ? 0 : 2;
    }

    internal uint MustWalk(params string[] names)
    {
        Assert.Equal(0, Walk(out uint fid, names));
        return fid;
    }

    internal int Open(uint fid, uint flags) => Call(12, fid, flags).Errno;

    /// <summary>Creates a file below a folder of the root, or in the root, and gives its open handle.</summary>
    internal int Create(out uint fid, string[] folder, string name, uint flags, uint mode)
    {
        int error = Walk(out fid, folder);
        return error != 0 ? error : Call(14, fid, name, flags, mode, 0u).Errno;
    }

    internal ShareAttributes Look(uint fid)
    {
        ShareAnswer answer = Do(24, fid, 0x7FFUL);
        answer.Long();
        answer.Qid();
        uint mode = answer.Int(), uid = answer.Int(), gid = answer.Int();
        ulong links = answer.Long();
        answer.Long();
        ulong size = answer.Long();
        answer.Long();
        answer.Long();
        ulong accessed = answer.Long();
        answer.Long();
        return new ShareAttributes(mode, uid, gid, links, size, accessed, answer.Long());
    }

    /// <summary>Reads a whole file by a new handle.</summary>
    internal string ReadFile(params string[] names)
    {
        uint fid = MustWalk(names);
        Assert.Equal(0, Open(fid, ReadOnly));
        string text = Do(116, fid, 0UL, 1u << 19).Text;
        Clunk(fid);
        return text;
    }

    internal void Clunk(uint fid) => Do(120, fid);

    /// <summary>Names in an open folder, read in pieces.</summary>
    internal List<string> ReadFolder(uint fid, uint piece)
    {
        List<string> names = [];
        ulong place = 0;
        while (true)
        {
            ShareAnswer answer = Do(40, fid, place, piece);
            uint bytes = answer.Int();
            Assert.InRange(bytes, 0u, piece);
            Assert.Equal((uint)answer.Left, bytes);
            if (bytes == 0) return names;
            while (answer.Left > 0)
            {
                answer.Qid();
                place = answer.Long();
                answer.Byte();
                names.Add(answer.String());
            }
        }
    }

    private static void Write(BinaryWriter writer, object field)
    {
        switch (field)
        {
            case byte number: writer.Write(number); break;
            case ushort number: writer.Write(number); break;
            case uint number: writer.Write(number); break;
            case ulong number: writer.Write(number); break;
            case string text:
                writer.Write((ushort)text.Length);
                writer.Write(Encoding.Latin1.GetBytes(text));
                break;
            case string[] texts:
                writer.Write((ushort)texts.Length);
                foreach (string text in texts) Write(writer, text);
                break;
            default: throw new ArgumentException($"{field.GetType()} is no field");
        }
    }

    // In two pieces, as guest memory comes.
    private ReadOnlySpan<HostBuffer> Cut(byte[] bytes, uint length)
    {
        uint first = length / 3;
        _buffers[0] = new HostBuffer(Marshal.UnsafeAddrOfPinnedArrayElement(bytes, 0), first);
        _buffers[1] = new HostBuffer(Marshal.UnsafeAddrOfPinnedArrayElement(bytes, (int)first), length - first);
        return _buffers;
    }
}
