using System.Buffers.Binary;
using Doppel.Devices.Backends.Net;
using Doppel.UnitTests.Devices;

namespace Doppel.UnitTests.Net;

public sealed class PcapTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();
    private readonly List<string> _log = [];

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void Capture_BothDirections_IsReadBackWithTimes()
    {
        ManualTime time = new();
        LoopbackNetBackend cable = new(static (ReadOnlySpan<byte> _, in NetOffload _) => { }, NetCapabilities.All);
        using PcapWriter file = new(_path, _log.Add);
        NetCapture capture = new(cable, file, time);
        capture.Attach(new Sink());
        byte[] sent = NetGuest.Frame(NetGuest.Mac, 60, 1), received = NetGuest.Frame(NetGuest.Mac, 1514, 2);
        time.Advance(1_500_000_007);
        capture.Transmit(sent, default);
        time.Advance(1);
        Assert.True(cable.TrySend(received));
        List<(long AtNs, byte[] Bytes)> records = PcapFile.Read(File.ReadAllBytes(_path));
        Assert.Equal([1_500_000_007, 1_500_000_008], records.Select(static r => r.AtNs));
        Assert.Equal([sent, received], records.Select(static r => r.Bytes));
    }

    [Fact]
    public void Capture_FrameThatTheGuestHasNoRoomFor_IsNotInIt()
    {
        LoopbackNetBackend cable = new(static (ReadOnlySpan<byte> _, in NetOffload _) => { }, NetCapabilities.All);
        using PcapWriter file = new(_path, _log.Add);
        NetCapture capture = new(cable, file, new ManualTime());
        capture.Attach(new Sink { HasRoom = false });
        Assert.False(cable.TrySend(NetGuest.Frame(NetGuest.Mac, 60)));
        Assert.Empty(PcapFile.Read(File.ReadAllBytes(_path)));
    }

    [Fact]
    public void Write_ChecksumLeftToDo_IsDoneInTheFileOnly()
    {
        byte[] frame = NetGuest.Frame(NetGuest.Mac, 99);
        byte[] before = [.. frame];
        using (PcapWriter file = new(_path, _log.Add)) file.Write(0, frame, new NetOffload(true, 34, 16, NetSegmentation.None, 0, 0, false));
        byte[] written = Assert.Single(PcapFile.Read(File.ReadAllBytes(_path))).Bytes;
        Assert.Equal(before, frame);
        Assert.Equal(before[..50], written[..50]);
        // The sum over what the checksum covers, the pseudo header's sum aside, is zero once it stands there (RFC 1071).
        ulong sum = 0;
        for (int i = 34; i < 98; i += 2) sum += BinaryPrimitives.ReadUInt16BigEndian(written.AsSpan(i));
        sum += (ulong)written[98] << 8;
        while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
        ulong pseudo = BinaryPrimitives.ReadUInt16BigEndian(before.AsSpan(50));
        Assert.Equal(0xFFFFUL, (sum + pseudo) % 0xFFFF == 0 ? 0xFFFF : (sum + pseudo) % 0xFFFF);
    }

    [Fact]
    public void Write_AfterTheFileIsClosed_IsIgnored()
    {
        PcapWriter file = new(_path, _log.Add);
        file.Dispose();
        file.Write(0, NetGuest.Frame(NetGuest.Mac, 60), default);
        Assert.Empty(_log);
    }

    private sealed class Sink : INetReceiver
    {
        internal bool HasRoom { get; init; } = true;

        public NetCapabilities Capabilities => NetCapabilities.All;

        public bool TryReceive(ReadOnlySpan<byte> frame, in NetOffload offload) => HasRoom;
    }
}

/// <summary>Reads what libpcap's manual page pcap-savefile(5) describes.</summary>
internal static class PcapFile
{
    internal static List<(long AtNs, byte[] Bytes)> Read(ReadOnlySpan<byte> file)
    {
        Assert.Equal(0xA1B2_3C4Du, BinaryPrimitives.ReadUInt32LittleEndian(file));
        Assert.Equal((2, 4), (BinaryPrimitives.ReadUInt16LittleEndian(file[4..]), BinaryPrimitives.ReadUInt16LittleEndian(file[6..])));
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(file[20..]));
        List<(long, byte[])> records = [];
        for (file = file[24..]; !file.IsEmpty;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(file[8..]);
            Assert.Equal(length, BinaryPrimitives.ReadInt32LittleEndian(file[12..]));
            long at = (BinaryPrimitives.ReadUInt32LittleEndian(file) * 1_000_000_000L) + BinaryPrimitives.ReadUInt32LittleEndian(file[4..]);
            records.Add((at, file.Slice(16, length).ToArray()));
            file = file[(16 + length)..];
        }
        return records;
    }
}
