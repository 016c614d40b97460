using Doppel.Devices.Backends.Net.User.Packets;

namespace Doppel.Devices.Backends.Net.User.Link;

/// <summary>What all parts of one user network share. Thread contract: the event loop's thread.</summary>
internal sealed class StackContext(AddressPlan plan, SocketLoop sockets)
{
    // 128 MiB for the data of all streams.
    private const int MostPages = 4096;

    internal AddressPlan Plan { get; } = plan;

    internal SocketLoop Sockets { get; } = sockets;

    internal GuestLink Link { get; } = new(plan);

    internal AlarmQueue Alarms { get; } = new();

    internal PagePool Pages { get; } = new(MostPages);

    /// <summary>For data that is only passed on. Nothing in it outlives the call that uses it.</summary>
    internal byte[] Scratch { get; } = new byte[64 << 10];

    /// <summary>Virtual nanoseconds at the start of this round of the event loop.</summary>
    internal long NowNs { get; set; }
}
