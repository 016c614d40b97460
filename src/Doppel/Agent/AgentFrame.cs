using System.Buffers.Binary;

namespace Doppel.Agent;

/// <summary>Kinds of frames; docs/guest-agent.md describes them, guest/agent/protocol.h has the same numbers.</summary>
internal enum AgentFrameType : byte
{
    Hello = 0x01,
    Exec = 0x10,
    Signal = 0x11,
    Resize = 0x12,
    Pull = 0x20,
    Push = 0x21,
    Processes = 0x30,
    Power = 0x31,
    Sync = 0x32,
    Ping = 0x33,
    Kill = 0x34,
    SetTime = 0x35,
    Data = 0x40,
    End = 0x41,
    Credit = 0x42,
    Entry = 0x43,
    Result = 0x50,
    Cancel = 0x51,
}

/// <summary>How a request ended.</summary>
internal enum AgentResultKind : uint
{
    Exit = 0,
    Signal = 1,
    Failure = 2,
}

/// <summary>The header of a frame: length, channel, type, stream; little-endian, twelve bytes.</summary>
internal readonly record struct AgentFrame(uint Length, uint Channel, AgentFrameType Type, byte Stream)
{
    internal const int HeaderLength = 12;
    internal const int MaxPayload = 64 << 10;

    /// <summary>Bytes of a stream that either side takes without having granted more.</summary>
    internal const int Window = 64 << 10;

    internal const uint Magic = 0x414C_5044, Version = 1;
    internal const byte StandardInput = 0, StandardOutput = 1, StandardError = 2;

    internal static AgentFrame Read(ReadOnlySpan<byte> header) => new(
        BinaryPrimitives.ReadUInt32LittleEndian(header), BinaryPrimitives.ReadUInt32LittleEndian(header[4..]), (AgentFrameType)header[8], header[9]);

    internal void Write(Span<byte> header)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Channel);
        header[8] = (byte)Type;
        header[9] = Stream;
        header[10] = header[11] = 0;
    }
}
