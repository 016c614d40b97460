using System.Buffers.Binary;
using Doppel.Devices.Backends.Net;
using Doppel.UnitTests.Devices;

namespace Doppel.UnitTests.Net;

public sealed class VirtioNetTests
{
    private const ulong Filtering = NetGuest.Control | NetGuest.ControlRx | NetGuest.ControlRxExtra | NetGuest.ControlMac | NetGuest.ControlVlan;
    private static readonly MacAddress s_stranger = new(0x5254_00AA_BBCC);

    [Fact]
    public void Config_Fields_AreAddressStatusPairsAndMtu()
    {
        using NetGuest guest = new(0, pairs: 3);
        byte[] config = [.. Enumerable.Range(0, 14).Select(i => guest.Bench.Transport.Read8(0x100 + (ulong)i))];
        Assert.Equal([0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0, 3, 0, 0xDC, 5, 0, 0], config);
    }

    [Fact]
    public void Features_OfAPlainBackEnd_OfferNothingForItToDo()
    {
        const ulong hostWork = NetGuest.Checksum | NetGuest.HostTso4 | (1 << 12) | (1UL << 56);
        using NetGuest plain = new(0, backend: NetCapabilities.Plain), able = new(0);
        Assert.Equal(0UL, plain.Bench.ReadFeatures() & hostWork);
        Assert.Equal(hostWork, able.Bench.ReadFeatures() & hostWork);
    }

    [Theory]
    [InlineData(14)]
    [InlineData(60)]
    [InlineData(1514)]
    public void Transmit_PlainFrame_ReachesTheBackEndAsItIs(int length)
    {
        using NetGuest guest = new(0);
        byte[] frame = NetGuest.Frame(s_stranger, length);
        guest.Send(frame);
        SeenFrame seen = Assert.Single(guest.Sent);
        Assert.Equal(frame, seen.Bytes);
        Assert.Equal(default, seen.Offload);
    }

    [Fact]
    public void Transmit_WithOffload_HandsItOn()
    {
        using NetGuest guest = new(NetGuest.Checksum | NetGuest.HostTso4);
        guest.Send([1, 1, 54, 0, 0xB4, 5, 34, 0, 16, 0, 0, 0], NetGuest.Frame(s_stranger, 5000));
        Assert.Equal(new NetOffload(true, 34, 16, NetSegmentation.Tcp4, 1460, 54, false), Assert.Single(guest.Sent).Offload);
    }

    [Theory]
    [InlineData(NetGuest.Checksum, new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 13)]
    [InlineData(0UL, new byte[] { 1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0 }, 100)]
    [InlineData(NetGuest.Checksum, new byte[] { 1, 0, 0, 0, 0, 0, 90, 0, 9, 0, 0, 0 }, 100)]
    [InlineData(NetGuest.Checksum, new byte[] { 1, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0 }, 100)]
    [InlineData(NetGuest.Checksum, new byte[] { 1, 1, 0, 0, 100, 0, 34, 0, 16, 0, 0, 0 }, 100)]
    [InlineData(NetGuest.Checksum | NetGuest.HostTso4, new byte[] { 0, 1, 0, 0, 100, 0, 34, 0, 16, 0, 0, 0 }, 100)]
    [InlineData(NetGuest.Checksum | NetGuest.HostTso4, new byte[] { 1, 1, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0 }, 100)]
    [InlineData(NetGuest.Checksum | NetGuest.HostTso4, new byte[] { 1, 77, 0, 0, 100, 0, 34, 0, 16, 0, 0, 0 }, 100)]
    public void Transmit_WhatIsNoFrameOrWasNotAgreedOn_IsDroppedAndLoggedOnce(ulong features, byte[] header, int length)
    {
        using NetGuest guest = new(features);
        byte[] frame = new byte[length];
        guest.Send(header, frame);
        guest.Send(header, frame);
        Assert.Empty(guest.Sent);
        Assert.Single(guest.DeviceLog);
        guest.Send(NetGuest.Frame(s_stranger, 60));
        Assert.Single(guest.Sent);
        Assert.Empty(guest.Bench.Log);
    }

    [Fact]
    public void Receive_OneBuffer_HoldsHeaderAndFrame()
    {
        using NetGuest guest = new(0);
        guest.Post(2, 1600);
        byte[] frame = NetGuest.Frame(NetGuest.Mac, 1514);
        Assert.True(guest.Give(frame));
        Assert.Equal(frame, guest.Receive()!.Bytes);
        Assert.Null(guest.Receive());
    }

    [Theory]
    [InlineData(100)]
    [InlineData(512)]
    [InlineData(4096)]
    public void Receive_Merged_SpreadsOverAsManyBuffersAsItTakes(int bufferLength)
    {
        using NetGuest guest = new(NetGuest.Merge);
        guest.Post(31, bufferLength);
        byte[] frame = NetGuest.Frame(NetGuest.Mac, 3000);
        Assert.True(guest.Give(frame));
        Assert.Equal(frame, guest.Receive()!.Bytes);
    }

    [Fact]
    public void Quiesce_FramesOfTheGuest_HaveLeft()
    {
        using NetGuest guest = new(0, deterministic: false);
        for (int i = 1; i <= 50; i++)
        {
            guest.Send(NetGuest.Frame(s_stranger, 60, i));
            guest.Device.Quiesce();
            Assert.Equal(i, guest.Sent.Count);
            guest.Device.Resume();
        }
    }

    [Fact]
    public void Quiesce_FramesForTheGuest_WaitForResume()
    {
        using NetGuest guest = new(0, deterministic: false);
        guest.Post(2, 1600);
        guest.Device.Quiesce();
        byte[] frame = NetGuest.Frame(NetGuest.Mac, 1514), before = guest.Bench.Read(VirtioBench.Ram, (int)VirtioBench.RamSize);
        Assert.False(guest.Give(frame));
        Assert.Equal(before, guest.Bench.Read(VirtioBench.Ram, (int)VirtioBench.RamSize));
        int ready = Volatile.Read(ref guest.ReadyCalls);
        guest.Device.Resume();
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref guest.ReadyCalls) > ready, TimeSpan.FromSeconds(60)));
        Assert.True(guest.Give(frame));
        Assert.Equal(frame, guest.Receive()!.Bytes);
    }

    [Fact]
    public void Receive_NotEnoughBuffers_WaitsForMoreAndLosesNothing()
    {
        using NetGuest guest = new(NetGuest.Merge | VirtioBench.EventIndex, deterministic: false);
        byte[] frame = NetGuest.Frame(NetGuest.Mac, 3000);
        guest.Post(2, 1000);
        Assert.False(guest.Give(frame));
        Assert.Null(guest.Receive());
        int before = Volatile.Read(ref guest.ReadyCalls);
        guest.Post(2, 1000);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref guest.ReadyCalls) > before, TimeSpan.FromSeconds(60)));
        Assert.True(guest.Give(frame));
        Assert.Equal(frame, guest.Receive()!.Bytes);
    }

    [Fact]
    public void Receive_DeterministicTime_ArrivesAsAnEvent()
    {
        using NetGuest guest = new(0);
        guest.Post(1, 1600);
        byte[] frame = NetGuest.Frame(NetGuest.Mac, 100), second = NetGuest.Frame(NetGuest.Mac, 200);
        Assert.True(guest.Cable.TrySend(frame));
        Assert.True(guest.Cable.TrySend(second));
        Assert.Null(guest.Receive());
        guest.Time.RunDue();
        Assert.Equal(frame, guest.Receive()!.Bytes);
        guest.Post(1, 1600);
        Assert.Equal(second, guest.Receive()!.Bytes);
    }

    [Fact]
    public void Receive_DeterministicTimeAndTooMany_AreRefusedUntilTheGuestTakesSome()
    {
        using NetGuest guest = new(0);
        byte[] frame = NetGuest.Frame(NetGuest.Mac, 100);
        int taken = 0;
        while (guest.Cable.TrySend(frame)) taken++;
        Assert.Equal(256, taken);
        int before = guest.ReadyCalls;
        guest.Time.RunDue();
        guest.Post(1, 1600);
        Assert.Equal(before + 1, guest.ReadyCalls);
        Assert.True(guest.Cable.TrySend(frame));
    }

    [Fact]
    public void Receive_FrameLongerThanABufferThatIsNotMerged_IsDropped()
    {
        using NetGuest guest = new(0);
        guest.Post(2, 500);
        Assert.True(guest.Give(NetGuest.Frame(NetGuest.Mac, 1000)));
        byte[] fits = NetGuest.Frame(NetGuest.Mac, 400);
        Assert.True(guest.Give(fits));
        Assert.Equal(fits, guest.Receive()!.Bytes);
    }

    [Fact]
    public void Receive_BufferWithoutRoomForAHeader_NeedsReset()
    {
        using NetGuest guest = new(0);
        guest.Post(1, 8);
        Assert.True(guest.Give(NetGuest.Frame(NetGuest.Mac, 100)));
        Assert.NotEqual(0u, guest.Bench.Status & 64);
    }

    [Theory]
    [InlineData(0UL, false)]
    [InlineData(NetGuest.GuestChecksum, false)]
    [InlineData(NetGuest.GuestChecksum | NetGuest.GuestTso4, true)]
    public void Receive_SegmentationOffload_IsGivenOnlyToAGuestThatTakesIt(ulong features, bool given)
    {
        using NetGuest guest = new(NetGuest.Merge | features);
        guest.Post(30, 2000);
        NetOffload offload = new(true, 34, 16, NetSegmentation.Tcp4, 1460, 54, false);
        Assert.Equal(given, ((INetReceiver)guest.Device).Capabilities.Tcp4);
        Assert.True(guest.Give(NetGuest.Frame(NetGuest.Mac, 9000), offload));
        Assert.Equal(given ? offload : null, guest.Receive()?.Offload);
    }

    [Fact]
    public void Receive_BeforeTheDriverIsThere_IsDropped()
    {
        using NetGuest guest = new(0);
        guest.Bench.Transport.Write32(0x070, 0);
        Assert.True(guest.Give(NetGuest.Frame(NetGuest.Mac, 100)));
        Assert.Equal(NetCapabilities.Plain, ((INetReceiver)guest.Device).Capabilities);
    }

    [Fact]
    public void Filter_PromiscuousOff_LetsOwnBroadcastAndTablesThrough()
    {
        using NetGuest guest = new(Filtering);
        guest.Post(30, 1600);
        MacAddress friend = new(0x5254_0000_0777), group = new(0x0100_5E00_0001), otherGroup = new(0x0100_5E00_0002);
        Assert.Equal((byte)0, guest.Command(0, 0, 0));
        Assert.Equal((byte)0, guest.Command(1, 0, Table([friend], [group])));
        Assert.Equal([true, true, true, true, false, false],
            new[] { NetGuest.Mac, MacAddress.Broadcast, friend, group, s_stranger, otherGroup }.Select(to => IsReceived(guest, to)));
    }

    [Theory]
    [InlineData(0, true, true, true)]
    [InlineData(1, false, true, true)]
    [InlineData(2, true, false, true)]
    [InlineData(3, false, false, true)]
    [InlineData(4, false, false, true)]
    [InlineData(5, false, false, false)]
    public void Filter_Modes_DoWhatTheirNamesSay(byte mode, bool stranger, bool group, bool broadcast)
    {
        using NetGuest guest = new(Filtering);
        guest.Post(30, 1600);
        guest.Command(0, 0, 0);
        Assert.Equal((byte)0, guest.Command(0, mode, 1));
        Assert.Equal((stranger, group, broadcast), (IsReceived(guest, s_stranger), IsReceived(guest, new MacAddress(0x0100_5E00_0001)), IsReceived(guest, MacAddress.Broadcast)));
    }

    [Fact]
    public void Filter_TableLongerThanTheDevicesOwn_LetsItsKindThrough()
    {
        using NetGuest guest = new(Filtering);
        guest.Post(30, 1600);
        guest.Command(0, 0, 0);
        MacAddress[] many = [.. Enumerable.Range(0, 100).Select(i => new MacAddress(0x5254_0001_0000 + (ulong)i))];
        Assert.Equal((byte)0, guest.Command(1, 0, Table(many, [])));
        Assert.True(IsReceived(guest, many[99]));
        Assert.False(IsReceived(guest, new MacAddress(0x0100_5E00_0001)));
    }

    [Fact]
    public void Filter_Vlans_PassWhenAddedOrPromiscuous()
    {
        using NetGuest guest = new(Filtering);
        guest.Post(30, 1600);
        byte[] tagged = NetGuest.Frame(NetGuest.Mac, 100);
        BinaryPrimitives.WriteUInt32BigEndian(tagged.AsSpan(12), 0x8100_0000 | 0x2000 | 77);
        guest.Give(tagged);
        Assert.NotNull(guest.Receive());
        Assert.Equal((byte)0, guest.Command(0, 0, 0));
        guest.Give(tagged);
        Assert.Null(guest.Receive());
        Assert.Equal((byte)0, guest.Command(2, 0, 77, 0));
        guest.Give(tagged);
        Assert.NotNull(guest.Receive());
        Assert.Equal((byte)0, guest.Command(2, 1, 77, 0));
        guest.Give(tagged);
        Assert.Null(guest.Receive());
    }

    [Fact]
    public void SetAddress_Command_ChangesConfigurationAndFilter()
    {
        using NetGuest guest = new(Filtering);
        uint before = guest.Bench.Transport.Read32(0x0FC);
        guest.Post(30, 1600);
        guest.Command(0, 0, 0);
        Assert.Equal((byte)0, guest.Command(1, 1, 0x52, 0x54, 0, 0xAA, 0xBB, 0xCC));
        Assert.True(IsReceived(guest, s_stranger));
        Assert.False(IsReceived(guest, NetGuest.Mac));
        Assert.Equal(0xCC, guest.Bench.Transport.Read8(0x105));
        Assert.NotEqual(before, guest.Bench.Transport.Read32(0x0FC));
    }

    [Theory]
    [InlineData(0, 0, new byte[] { 2 })]
    [InlineData(0, 9, new byte[] { 1 })]
    [InlineData(1, 0, new byte[] { 1, 0, 0, 0, 1, 2, 3, 4, 5 })]
    [InlineData(1, 0, new byte[] { 255, 255, 255, 255, 0, 0, 0, 0 })]
    [InlineData(1, 0, new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 9 })]
    [InlineData(1, 1, new byte[] { 1, 2, 3 })]
    [InlineData(2, 0, new byte[] { 0, 0x10 })]
    [InlineData(2, 2, new byte[] { 0, 0 })]
    [InlineData(4, 0, new byte[] { 2, 0 })]
    [InlineData(5, 0, new byte[] { 1, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(77, 0, new byte[] { 0 })]
    public void Command_NotValidOrNotAgreedOn_IsRefusedAndChangesNothing(byte group, byte command, byte[] data)
    {
        using NetGuest guest = new(Filtering);
        Assert.Equal((byte)1, guest.Command(group, command, data));
        Assert.Equal(NetGuest.Mac, guest.Device.State.Mac);
        Assert.Equal(1, guest.Device.State.QueuePairs);
        Assert.Empty(guest.Device.State.Unicast);
    }

    [Fact]
    public void GuestOffloads_SwitchedOffAndOn_AreWhatTheBackEndSees()
    {
        using NetGuest guest = new(NetGuest.Control | NetGuest.GuestOffloads | NetGuest.GuestChecksum | NetGuest.GuestTso4);
        Assert.Equal((byte)0, guest.Command(5, 0, 2, 0, 0, 0, 0, 0, 0, 0));
        Assert.Equal((true, false), (((INetReceiver)guest.Device).Capabilities.Checksum, ((INetReceiver)guest.Device).Capabilities.Tcp4));
        Assert.Equal((byte)0, guest.Command(5, 0, 0x82, 0, 0, 0, 0, 0, 0, 0));
        Assert.True(((INetReceiver)guest.Device).Capabilities.Tcp4);
        Assert.Equal((byte)1, guest.Command(5, 0, 0x82, 1, 0, 0, 0, 0, 0, 0));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void MultiQueue_AnswersOfAFlow_ComeBackOnTheQueueItWasSentOn(int pair)
    {
        using NetGuest guest = new(NetGuest.Control | NetGuest.MultiQueue, pairs: 4);
        Assert.Equal((byte)0, guest.Command(4, 0, 4, 0));
        for (int i = 0; i < 4; i++) guest.Post(4, 1600, i);
        guest.Send(Udp(0x0A00_0001, 0x0A00_0002, 5000, 53), pair);
        guest.Give(Udp(0x0A00_0002, 0x0A00_0001, 53, 5000));
        Assert.Equal([.. Enumerable.Range(0, 4).Select(i => i == pair)], Enumerable.Range(0, 4).Select(i => guest.Receive(i) is not null));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(5, 1)]
    [InlineData(4, 0)]
    public void MultiQueue_PairsSet_TakesWhatThereIs(byte pairs, byte expected)
    {
        using NetGuest guest = new(NetGuest.Control | NetGuest.MultiQueue, pairs: 4);
        Assert.Equal(expected, guest.Command(4, 0, pairs, 0));
    }

    [Fact]
    public void RealTime_FramesBothWaysAndResets_KeepGoing()
    {
        for (int round = 0; round < 3; round++)
        {
            using NetGuest guest = new(NetGuest.Merge, deterministic: false);
            for (int i = 0; i < 200; i++)
            {
                byte[] frame = NetGuest.Frame(NetGuest.Mac, 60 + i, i);
                guest.Send(frame);
                Assert.True(SpinWait.SpinUntil(() => guest.Sent.Count > i, TimeSpan.FromSeconds(60)));
                Assert.Equal(frame, guest.Sent[i].Bytes);
                guest.Post(1, 1600);
                Assert.True(SpinWait.SpinUntil(() => guest.Give(frame), TimeSpan.FromSeconds(60)));
                Assert.Equal(frame, guest.Receive()!.Bytes);
            }
            guest.Bench.Transport.Write32(0x070, 0);
            Assert.Empty(guest.Bench.Log);
        }
    }

    private static bool IsReceived(NetGuest guest, MacAddress to)
    {
        guest.Give(NetGuest.Frame(to, 100));
        return guest.Receive() is not null;
    }

    private static byte[] Table(MacAddress[] unicast, MacAddress[] multicast) => [.. Table(unicast), .. Table(multicast)];

    private static byte[] Table(MacAddress[] addresses)
    {
        byte[] table = new byte[4 + (6 * addresses.Length)];
        BinaryPrimitives.WriteInt32LittleEndian(table, addresses.Length);
        for (int i = 0; i < addresses.Length; i++) addresses[i].Write(table.AsSpan(4 + (6 * i)));
        return table;
    }

    private static byte[] Udp(uint from, uint to, ushort fromPort, ushort toPort)
    {
        byte[] frame = NetGuest.Frame(NetGuest.Mac, 60);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0800);
        frame.AsSpan(14, 20).Clear();
        frame[14] = 0x45;
        frame[23] = 17;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(26), from);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(30), to);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), fromPort);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), toPort);
        return frame;
    }
}
