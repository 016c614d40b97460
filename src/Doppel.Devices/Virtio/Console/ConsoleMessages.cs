using System.Buffers.Binary;
using System.Text;

namespace Doppel.Devices.Virtio.Console;

/// <summary>Events of control messages (virtio 1.2, section 5.3.6.2).</summary>
internal enum ConsoleEvent : ushort
{
    DeviceReady = 0,
    DeviceAdd = 1,
    DeviceRemove = 2,
    PortReady = 3,
    ConsolePort = 4,
    Resize = 5,
    PortOpen = 6,
    PortName = 7,
}

/// <summary>
/// Messages that wait to be sent about one port. A set and not a queue: however often a driver asks, no more than one of each kind waits.
/// </summary>
[Flags]
internal enum PendingMessages : byte
{
    None = 0,
    Add = 1,
    Console = 2,
    Name = 4,
    Open = 8,
    Resize = 16,
}

/// <summary>The layout of control messages: id (32 bits), event (16), value (16), then what the event carries.</summary>
internal static class ConsoleMessages
{
    internal const int HeaderLength = 8;
    internal const int MaxLength = 256;

    internal static int Write(Span<byte> buffer, uint port, ConsoleEvent kind, ushort value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(buffer, port);
        BinaryPrimitives.WriteUInt16LittleEndian(buffer[4..], (ushort)kind);
        BinaryPrimitives.WriteUInt16LittleEndian(buffer[6..], value);
        return HeaderLength;
    }

    internal static int WriteResize(Span<byte> buffer, uint port, ConsoleSize size)
    {
        int length = Write(buffer, port, ConsoleEvent.Resize, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(buffer[length..], size.Columns);
        BinaryPrimitives.WriteUInt16LittleEndian(buffer[(length + 2)..], size.Rows);
        return length + 4;
    }

    // The name has no terminator; its length is that of the message.
    internal static int WriteName(Span<byte> buffer, uint port, string name)
    {
        int length = Write(buffer, port, ConsoleEvent.PortName, 1);
        return length + Encoding.UTF8.GetBytes(name, buffer[length..]);
    }

    internal static (uint Port, ConsoleEvent Kind, ushort Value) Read(ReadOnlySpan<byte> buffer) =>
        (BinaryPrimitives.ReadUInt32LittleEndian(buffer), (ConsoleEvent)BinaryPrimitives.ReadUInt16LittleEndian(buffer[4..]),
            BinaryPrimitives.ReadUInt16LittleEndian(buffer[6..]));
}

/// <summary>Size of a terminal in characters.</summary>
/// <param name="Columns">Width.</param>
/// <param name="Rows">Height.</param>
public readonly record struct ConsoleSize(ushort Columns, ushort Rows);
