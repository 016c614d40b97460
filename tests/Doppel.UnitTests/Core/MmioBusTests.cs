using Doppel.Core.Bus;

namespace Doppel.UnitTests.Core;

public sealed class MmioBusTests
{
    private readonly MmioBus _bus = new();
    private readonly Recorder _device = new();

    public MmioBusTests() => _bus.Attach(new MmioWindow(0x1000, 0x100, 2, 4, "recorder"), _device);

    [Theory]
    [InlineData(0x1000, 4, "R0:4")]
    [InlineData(0x1000, 8, "R0:4 R4:4")]
    [InlineData(0x1002, 4, "R2:2 R4:2")]
    [InlineData(0x1003, 1, "R2:2")]
    public void TryRead_AnyAccess_ReachesTheDeviceInSizesItTakes(ulong gpa, int size, string expected)
    {
        Assert.True(_bus.TryRead(gpa, size, out _));
        Assert.Equal(expected, _device.Log);
    }

    [Fact]
    public void TryRead_NarrowAccess_GivesTheAddressedByte()
    {
        Assert.True(_bus.TryRead(0x1003, 1, out ulong value));
        Assert.Equal(0x03UL, value);
    }

    [Fact]
    public void TryRead_SplitAccess_PutsTheBytesInOrder()
    {
        Assert.True(_bus.TryRead(0x1000, 8, out ulong value));
        Assert.Equal(0x0706050403020100UL, value);
    }

    [Fact]
    public void TryWrite_NarrowerThanTheDeviceTakes_IsRefused()
    {
        Assert.False(_bus.TryWrite(0x1000, 1, 5));
        Assert.Equal("", _device.Log);
    }

    [Theory]
    [InlineData(0xFFF, 1)]
    [InlineData(0xFFF, 2)]
    [InlineData(0x10FD, 4)]
    [InlineData(0x1100, 4)]
    [InlineData(ulong.MaxValue, 8)]
    public void TryRead_NotWhollyInAWindow_IsRefused(ulong gpa, int size)
    {
        Assert.False(_bus.TryRead(gpa, size, out _));
        Assert.Equal("", _device.Log);
    }

    [Fact]
    public void Attach_OverlappingWindow_Throws() =>
        Assert.Throws<ArgumentException>(() => _bus.Attach(new MmioWindow(0x10FF, 1, 1, 1, "late"), _device));

    private sealed class Recorder : IMmioDevice
    {
        private readonly List<string> _log = [];

        internal string Log => string.Join(' ', _log);

        public void Read(ulong offset, Span<byte> data)
        {
            _log.Add($"R{offset}:{data.Length}");
            for (int i = 0; i < data.Length; i++) data[i] = (byte)(offset + (ulong)i);
        }

        public void Write(ulong offset, ReadOnlySpan<byte> data) => _log.Add($"W{offset}:{data.Length}");
    }
}
