using Doppel.Core.Memory;

namespace Doppel.UnitTests.Devices.Fuzz;

/// <summary>
/// Guest RAM between two blocks of ROM, all with known surroundings on the host: what a device writes outside RAM is found out.
/// </summary>
internal sealed unsafe class GuardedMemory : IDisposable
{
    internal const ulong Ram = 0x8000_0000;
    internal const int RamSize = 0x4_0000;
    private const int GuardSize = 0x1_0000;
    private static readonly ulong[] s_guards = [Ram - GuardSize, Ram + RamSize];

    private readonly byte[] _pattern = new byte[GuardSize];

    internal GuardedMemory()
    {
        new Random(7).NextBytes(_pattern);
        foreach (ulong guard in s_guards) Memory.Load(guard, _pattern);
        Assert.True(Memory.TryTranslate(Ram, RamSize, writable: true, out nint first));
        First = first;
    }

    internal GuestMemory Memory { get; } = new(
        new RamRegion(s_guards[0], GuardSize, ReadOnly: true, "guard-low"),
        new RamRegion(Ram, RamSize, ReadOnly: false, "fuzz"),
        new RamRegion(s_guards[1], GuardSize, ReadOnly: true, "guard-high"));

    /// <summary>Host address of the first byte of RAM.</summary>
    internal nint First { get; }

    public void Dispose() => Memory.Dispose();

    /// <summary>True if a piece of host memory is all guest RAM, or, to be read only, all guest ROM.</summary>
    internal bool IsGuests(nint address, nuint length, bool writable) =>
        Lies(First, RamSize, address, length) || (!writable && s_guards.Any(guard => Lies(HostOf(guard), GuardSize, address, length)));

    private static bool Lies(nint start, int size, nint address, nuint length) =>
        address >= start && (nuint)(address - start) + length <= (nuint)size;

    private nint HostOf(ulong guard) => Memory.TryTranslate(guard, GuardSize, writable: false, out nint hva) ? hva : 0;

    /// <summary>Checks ROM and, next to RAM on the host, the code stamps: nobody has armed a page, so they are all zero.</summary>
    internal void AssertGuardsAreIntact()
    {
        foreach (ulong guard in s_guards)
        {
            Assert.True(Memory.TryGetReadSpan(guard, GuardSize, out ReadOnlySpan<byte> bytes));
            Assert.True(bytes.SequenceEqual(_pattern), "a device wrote to ROM");
        }
        foreach (ulong page in new[] { s_guards[0], Ram, s_guards[1] })
        {
            // SAFETY: each region's stamps fill one page of their own, and the memory is alive.
            ReadOnlySpan<byte> stamps;
            unsafe { stamps = new ReadOnlySpan<byte>(Memory.StampOf(page), 4096); }
            Assert.False(stamps.ContainsAnyExcept((byte)0), "a device wrote beside RAM");
        }
    }
}
