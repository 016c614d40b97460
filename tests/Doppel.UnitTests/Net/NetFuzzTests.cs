using System.Buffers.Binary;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Virtio.Net;
using Doppel.UnitTests.Devices;
using Doppel.UnitTests.Devices.Fuzz;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Net;

/// <summary>Drivers that write garbage into rings, headers and commands, and networks that send it.</summary>
public sealed class NetFuzzTests(ITestOutputHelper output) : IDisposable
{
    private readonly GuardedMemory _guarded = new();
    private readonly FuzzSeed _seed = new(output);

    public void Dispose() => _guarded.Dispose();

    [Fact]
    public void Net_HostileDriver_StaysConform()
    {
        int sent = 0;
        using LoopbackNetBackend cable = new((ReadOnlySpan<byte> frame, in NetOffload offload) => sent += Check(frame, offload), NetCapabilities.All);
        ManualTime time = new(deterministic: true);
        using VirtioNet device = new(cable, NetGuest.Mac, 2, time, static _ => { });
        HostileDriver driver = new(_guarded, device);
        byte[] frame = new byte[2000];
        _seed.Run(30_000, random =>
        {
            driver.RunCase(random);
            random.NextBytes(frame);
            cable.TrySend(frame.AsSpan(0, random.Next(frame.Length)), Offload(random));
            time.RunDue();
            driver.AssertConform();
        });
        driver.AssertEndsWithReset();
        _guarded.AssertGuardsAreIntact();
        Assert.True(sent > 100, $"{sent} frames were sent: the driver was too hostile to reach the network");
    }

    [Fact]
    public void NetInRealTime_HostileDriver_LeavesTheWorkerAlive()
    {
        int sent = 0;
        using LoopbackNetBackend cable = new((ReadOnlySpan<byte> frame, in NetOffload offload) => Interlocked.Add(ref sent, Check(frame, offload)), NetCapabilities.All);
        using VirtioNet device = new(cable, NetGuest.Mac, 1, new ManualTime(), static _ => { });
        HostileDriver driver = new(_guarded, device);
        _seed.Run(3_000, random =>
        {
            driver.RunCaseInRealTime(random);
            cable.TrySend(new byte[random.Next(3000)], Offload(random));
        });
        driver.AssertEndsWithReset();
        _guarded.AssertGuardsAreIntact();
    }

    [Fact]
    public void Headers_Random_AreDroppedOrFitTheirFrame()
    {
        using NetGuest guest = new(NetGuest.Checksum | NetGuest.HostTso4 | NetGuest.Merge);
        byte[] header = new byte[NetGuest.Header];
        _seed.Run(30_000, random =>
        {
            random.NextBytes(header);
            header[0] &= 3;
            header[1] = (byte)(random.Next(3) == 0 ? header[1] : random.Next(6));
            if (random.Next(2) == 0) BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(6), (uint)(random.Next(300) | (random.Next(300) << 16)));
            guest.Send(header, new byte[random.Next(400)]);
        });
        Assert.True(guest.Sent.Sum(static s => Check(s.Bytes, s.Offload)) > 1000, "hardly a frame was let through");
        Assert.Empty(guest.Bench.Log);
    }

    [Fact]
    public void Commands_Random_AreAnsweredAndLeaveAUsableDevice()
    {
        using NetGuest guest = new(NetGuest.Control | NetGuest.ControlRx | NetGuest.ControlRxExtra | NetGuest.ControlVlan | NetGuest.ControlMac | NetGuest.MultiQueue
            | NetGuest.GuestOffloads | NetGuest.GuestChecksum | NetGuest.GuestTso4, pairs: 2);
        int done = 0;
        _seed.Run(20_000, random =>
        {
            byte[] data = new byte[random.Next(4) == 0 ? random.Next(600) : random.Next(1, 20)];
            random.NextBytes(data);
            if (random.Next(2) == 0) data.AsSpan(0, Math.Min(4, data.Length)).Clear();
            byte? answer = guest.Command((byte)random.Next(7), (byte)random.Next(7), data);
            Assert.InRange(answer!.Value, 0, 1);
            done += 1 - answer.Value;
            guest.Give(new byte[random.Next(100)]);
            Assert.InRange(guest.Device.State.QueuePairs, 1, 2);
        });
        Assert.True(done > 500, $"only {done} commands were understood");
        Assert.Empty(guest.Bench.Log);
    }

    private static int Check(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        Assert.InRange(frame.Length, VnetHeader.MinFrame, VnetHeader.MaxFrame);
        Assert.True(!offload.NeedsChecksum || offload.ChecksumStart + offload.ChecksumOffset + 2 <= frame.Length, "the checksum lies outside the frame");
        Assert.Equal(offload.Segmentation != NetSegmentation.None, offload.SegmentSize != 0);
        return 1;
    }

    private static NetOffload Offload(Random random) => random.Next(3) switch
    {
        0 => default,
        1 => new NetOffload(true, (ushort)random.Next(), (ushort)random.Next(), NetSegmentation.None, 0, 0, false),
        _ => new NetOffload(true, 34, 16, (NetSegmentation)random.Next(4), (ushort)random.Next(1, 2000), 54, true),
    };
}
