using Doppel.Core.Memory;

namespace Doppel.UnitTests.Core;

public sealed unsafe class GuestMemoryTests
{
    private const ulong Base = 0x8000_0000, Size = 64 * 1024;

    private static GuestMemory Create() =>
        new(new RamRegion(Base, Size, false, "ram"), new RamRegion(0x1000, 0x1000, true, "rom"));

    [Theory]
    [InlineData(Base, 0, true)]
    [InlineData(Base, Size, true)]
    [InlineData(Base, Size + 1, false)]
    [InlineData(Base + Size - 1, 1, true)]
    [InlineData(Base + Size - 1, 2, false)]
    [InlineData(Base + Size, 1, false)]
    [InlineData(Base - 1, 2, false)]
    [InlineData(Base + 8, ulong.MaxValue, false)]
    [InlineData(ulong.MaxValue, 2, false)]
    [InlineData(0x1FFF, 1, true)]
    [InlineData(0x1FFF, 2, false)]
    public void TryTranslate_RangeAtAnEdge_IsFoundOnlyIfWhollyInside(ulong gpa, ulong length, bool found)
    {
        using GuestMemory memory = Create();
        Assert.Equal(found, memory.TryTranslate(gpa, length, writable: false, out _));
    }

    [Fact]
    public void TryWrite_ReadOnlyRegion_IsRefusedAndLeavesItAlone()
    {
        using GuestMemory memory = Create();
        memory.Load(0x1000, [1, 2, 3, 4]);
        Assert.False(memory.TryWrite(0x1000, 0xFFFF_FFFFu));
        Assert.False(memory.TryGetWriteSpan(0x1000, 4, out _));
        Assert.True(memory.TryRead(0x1000, out uint value));
        Assert.Equal(0x04030201u, value);
    }

    [Fact]
    public void TryWrite_PastTheEnd_CopiesNothing()
    {
        using GuestMemory memory = Create();
        Assert.False(memory.TryWrite(Base + Size - 2, (ReadOnlySpan<byte>)[9, 9, 9]));
        Assert.True(memory.TryRead(Base + Size - 2, out ushort value));
        Assert.Equal(0, value);
    }

    [Theory]
    [InlineData(0x8000_0000, 0x1000, 0x8000_0800, 0x1000)]
    [InlineData(0x8000_0000, 0x2000, 0x8000_1000, 0x1000)]
    public void Constructor_OverlappingOrMisalignedRegions_Throws(ulong base1, ulong size1, ulong base2, ulong size2)
    {
        Assert.Throws<ArgumentException>(() => new GuestMemory(
            new RamRegion(base1, size1, false, "a"), new RamRegion(base2, size2, false, "b")));
    }

    [Fact]
    public void Stamp_ArmedPageThatIsWritten_ChangesAndIsCounted()
    {
        using GuestMemory memory = Create();
        uint armed = GuestMemory.Arm(memory.StampOf(Base + 0x1234));
        uint writes = memory.CodeWrites;
        Assert.Equal(armed, GuestMemory.Arm(memory.StampOf(Base + 0x1000)));

        memory.TryWrite(Base + 0x1FFF, (ReadOnlySpan<byte>)[1, 2]);

        Assert.NotEqual(armed, *memory.StampOf(Base + 0x1000));
        Assert.Equal(writes + 1, memory.CodeWrites);
        Assert.NotEqual(armed, GuestMemory.Arm(memory.StampOf(Base + 0x1000)));
    }

    [Fact]
    public void HasCodeWritesSince_ArmedPageIsWritten_UntilItIsLookedAtAgain()
    {
        using GuestMemory memory = Create();
        uint before = memory.CodeWrites;
        memory.MarkWritten(Base, 1);
        Assert.False(memory.HasCodeWritesSince(before));

        GuestMemory.Arm(memory.StampOf(Base));
        memory.MarkWritten(Base, 1);

        Assert.True(memory.HasCodeWritesSince(before));
        Assert.False(memory.HasCodeWritesSince(memory.CodeWrites));
    }

    [Fact]
    public void Stamp_NeighbourOfAWrittenPage_StaysArmed()
    {
        using GuestMemory memory = Create();
        uint armed = GuestMemory.Arm(memory.StampOf(Base + 0x2000));
        memory.TryWrite(Base + 0x1FF8, 1UL);
        memory.TryWrite(Base + 0x3000, 1UL);
        Assert.Equal(armed, *memory.StampOf(Base + 0x2000));
    }
}
