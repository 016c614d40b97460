using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Share;

/// <summary>
/// Does what a message asks for. The message fits its layout; zero, or an error number that the guest gets instead of the reply.
/// </summary>
internal delegate int ShareHandler(ShareSession session, ref ShareReader message, ref ShareWriter reply);

/// <summary>One kind of message from the guest; its reply has the number that follows.</summary>
/// <param name="Type">Number.</param>
/// <param name="Name">Name in the protocol.</param>
/// <param name="Layout">Fields: 1, 2, 4 and 8 are numbers of so many bytes, s a text, w a count of 16 bits and so many texts.</param>
/// <param name="Changes">True if it always changes the folder, so that a read-only share refuses it.</param>
/// <param name="Handler">Does what it asks for.</param>
internal sealed record ShareMessage(byte Type, string Name, string Layout, bool Changes, ShareHandler Handler)
{
    internal const byte Error = 7, Sync = 50, Version = 100, Read = 116, Write = 118;

    /// <summary>Bytes of size, type and tag.</summary>
    internal const int HeaderLength = 7;

    /// <summary>Bytes in front of the data of a write: header, fid, offset and count.</summary>
    internal const int WriteHeadLength = HeaderLength + 16;

    /// <summary>Bytes in front of the data of a read's reply: header and count.</summary>
    internal const int ReadReplyHeadLength = HeaderLength + 4;

    /// <summary>True if the bytes hold all fields. What follows them is ignored.</summary>
    internal bool Fits(ReadOnlySpan<byte> fields)
    {
        foreach (char field in Layout)
        {
            int count = field == 'w' ? TryTakeShort(ref fields) : 1;
            for (; count > 0; count--)
            {
                int length = field is 's' or 'w' ? TryTakeShort(ref fields) : field - '0';
                if (length < 0 || length > fields.Length) return false;
                fields = fields[length..];
            }
            if (count < 0) return false;
        }
        return true;
    }

    private static int TryTakeShort(ref ReadOnlySpan<byte> fields)
    {
        if (fields.Length < 2) return -1;
        int value = BinaryPrimitives.ReadUInt16LittleEndian(fields);
        fields = fields[2..];
        return value;
    }
}
