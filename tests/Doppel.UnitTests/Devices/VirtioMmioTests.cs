using Doppel.Devices.Virtio.Entropy;
using Doppel.Devices.Virtio.Transport;

namespace Doppel.UnitTests.Devices;

public sealed class VirtioMmioTests : IDisposable
{
    private readonly VirtioBench _bench = new(new VirtioEntropy(EntropySources.CreateSeeded(1)));

    private VirtioMmioTransport Transport => _bench.Transport;

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Identity_Registers_AreThoseOfVersion2()
    {
        Assert.Equal(0x74726976u, Transport.Read32(0x000));
        Assert.Equal(2u, Transport.Read32(0x004));
        Assert.Equal(4u, Transport.Read32(0x008));
        Assert.Equal(VirtioBench.Version1 | VirtioBench.EventIndex | VirtioBench.Indirect | VirtioBench.RingReset, _bench.ReadFeatures());
        Assert.Equal(uint.MaxValue, Transport.Read32(0x0B0));
    }

    [Fact]
    public void EmptySlot_DeviceId_IsZero()
    {
        EmptyVirtioMmio slot = new();
        Assert.Equal(0x74726976u, slot.Read32(0));
        Assert.Equal(0u, slot.Read32(8));
    }

    [Fact]
    public void Negotiation_WithVersion1_IsAccepted()
    {
        _bench.Negotiate(VirtioBench.Version1);
        Assert.Equal(11u, _bench.Status);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(VirtioBench.Version1 | 1)]
    [InlineData(VirtioBench.Version1 | (1UL << 63))]
    public void Negotiation_WithoutVersion1OrWithWhatWasNotOffered_IsRefused(ulong features)
    {
        _bench.Negotiate(features);
        Assert.Equal(3u, _bench.Status);
        _bench.Start();
        Assert.Equal(0u, _bench.Status & 4);
    }

    [Fact]
    public void Status_ClearingABit_HasNoEffectButZeroResets()
    {
        _bench.Negotiate(VirtioBench.Version1);
        Transport.Write32(0x070, 1);
        Assert.Equal(11u, _bench.Status);
        Transport.Write32(0x070, 0);
        Assert.Equal(0u, _bench.Status);
    }

    [Fact]
    public void Features_AfterFeaturesOk_CanNotChange()
    {
        _bench.Negotiate(VirtioBench.Version1);
        Transport.Write32(0x024, 0);
        Transport.Write32(0x020, 0xFFFF_FFFF);
        Assert.Equal(VirtioBench.Version1, Transport.State.DriverFeatures);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(3u)]
    [InlineData(128u)]
    [InlineData(0x10010u)]
    public void Queue_InvalidSize_DoesNotBecomeReady(uint size)
    {
        _bench.Negotiate(VirtioBench.Version1);
        Transport.Write32(0x030, 0);
        Assert.Equal(64u, Transport.Read32(0x034));
        Transport.Write32(0x038, size);
        Transport.Write32(0x044, 1);
        Assert.Equal(0u, Transport.Read32(0x044));
    }

    [Fact]
    public void Queue_ThatDoesNotExist_HasSizeZero()
    {
        Transport.Write32(0x030, 1);
        Assert.Equal(0u, Transport.Read32(0x034));
        Transport.Write32(0x044, 1);
        Assert.Equal(0u, Transport.Read32(0x044));
    }

    [Fact]
    public void Queue_WhileReady_IgnoresNewAddresses()
    {
        _bench.Negotiate(VirtioBench.Version1);
        DriverQueue queue = _bench.CreateQueue(0);
        Transport.Write32(0x080, 0xDEAD_0000);
        _bench.Start();
        queue.Add((VirtioBench.Ram, 8, true));
        queue.Notify();
        Assert.True(queue.TryGetUsed(out _, out uint length));
        Assert.Equal(8u, length);
    }

    [Fact]
    public void Notify_BeforeDriverOk_DoesNothing()
    {
        _bench.Negotiate(VirtioBench.Version1);
        DriverQueue queue = _bench.CreateQueue(0);
        queue.Add((VirtioBench.Ram, 8, true));
        queue.Notify();
        Assert.False(queue.TryGetUsed(out _, out _));
        _bench.Start();
        Assert.True(queue.TryGetUsed(out _, out _));
    }

    [Fact]
    public void Interrupt_UsedBuffer_IsRaisedUntilAcknowledged()
    {
        DriverQueue queue = StartQueue(VirtioBench.Version1);
        queue.Add((VirtioBench.Ram, 8, true));
        queue.Notify();
        Assert.True(_bench.Irq.Level);
        Assert.Equal(1u, Transport.Read32(0x060));
        Transport.Write32(0x064, 1);
        Assert.False(_bench.Irq.Level);
        Assert.Equal(0u, Transport.Read32(0x060));
    }

    [Fact]
    public void QueueReset_Negotiated_StopsTheQueueAndItCanBeUsedAgain()
    {
        DriverQueue queue = StartQueue(VirtioBench.Version1 | VirtioBench.RingReset);
        Transport.Write32(0x0C0, 1);
        Assert.Equal(0u, Transport.Read32(0x0C0));
        Assert.Equal(0u, Transport.Read32(0x044));
        queue.Add((VirtioBench.Ram, 8, true));
        queue.Notify();
        Assert.False(queue.TryGetUsed(out _, out _));
        _bench.Memory.TryWrite(queue.Available, 0UL);
        _bench.Memory.TryWrite(queue.Used, 0UL);
        DriverQueue again = _bench.CreateQueue(0);
        again.Add((VirtioBench.Ram, 8, true));
        again.Notify();
        Assert.True(again.TryGetUsed(out _, out _));
    }

    [Fact]
    public void QueueReset_NotNegotiated_IsIgnored()
    {
        StartQueue(VirtioBench.Version1);
        Transport.Write32(0x0C0, 1);
        Assert.Equal(1u, Transport.Read32(0x044));
    }

    [Fact]
    public void BrokenQueue_NeedsReset_IsReportedOnceAndEndedByReset()
    {
        DriverQueue queue = StartQueue(VirtioBench.Version1);
        queue.Add((0x1000UL, 8, true));
        queue.Notify();
        queue.Notify();
        Assert.Equal(64u | 15, _bench.Status);
        Assert.Equal(2u, Transport.Read32(0x060));
        Assert.True(_bench.Irq.Level);
        Assert.Single(_bench.Log);
        Transport.Write32(0x070, 0);
        Assert.Equal(0u, _bench.Status);
        Assert.False(_bench.Irq.Level);
    }

    [Fact]
    public void ControlRegisters_NarrowAccess_ReadsZeroAndWritesNothing()
    {
        Assert.Equal(0, Transport.Read8(0));
        Transport.Write8(0x070, 1);
        Assert.Equal(0u, _bench.Status);
    }

    [Fact]
    public void Entropy_Request_IsFilledToTheLastByte()
    {
        DriverQueue queue = StartQueue(VirtioBench.Version1 | VirtioBench.EventIndex);
        ushort head = queue.Add((VirtioBench.Ram, 5, true), (VirtioBench.Ram + 0x100, 11, true));
        queue.Notify();
        Assert.True(queue.TryGetUsed(out uint used, out uint length));
        Assert.Equal((head, 16u), ((ushort)used, length));
        byte[] expected = new byte[16];
        EntropySource source = EntropySources.CreateSeeded(1);
        source(expected.AsSpan(0, 5));
        source(expected.AsSpan(5));
        byte[] filled = [.. _bench.Read(VirtioBench.Ram, 5), .. _bench.Read(VirtioBench.Ram + 0x100, 11)];
        Assert.Equal(expected, filled);
    }

    [Fact]
    public void Entropy_HugeRequest_IsServedInPart()
    {
        DriverQueue queue = StartQueue(VirtioBench.Version1);
        queue.Add((VirtioBench.Ram, 0x8_0000, true));
        queue.Notify();
        Assert.True(queue.TryGetUsed(out _, out uint length));
        Assert.Equal(0x1_0000u, length);
    }

    private DriverQueue StartQueue(ulong features)
    {
        _bench.Negotiate(features);
        DriverQueue queue = _bench.CreateQueue(0);
        _bench.Start();
        return queue;
    }
}
