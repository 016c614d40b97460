namespace Doppel.Core.Bus;

/// <summary>
/// A device that the guest reaches by loads and stores. It sees an offset into its own window and 1, 2, 4 or 8 bytes, naturally
/// aligned, of a size within the <see cref="MmioWindow"/>'s limits: the bus normalises everything else. What the guest gets wrong is a
/// value (read as zero, write ignored), never an exception. Each implementation states its thread contract; the bus adds no lock.
/// </summary>
public interface IMmioDevice
{
    /// <summary>The guest loads: fill <paramref name="data"/>, little-endian.</summary>
    void Read(ulong offset, Span<byte> data);

    /// <summary>The guest stores <paramref name="data"/>, little-endian.</summary>
    void Write(ulong offset, ReadOnlySpan<byte> data);
}

/// <summary>Where a device stands on the bus and which access sizes it takes.</summary>
/// <param name="Base">First guest-physical address.</param>
/// <param name="Size">Size in bytes.</param>
/// <param name="MinAccess">Smallest access in bytes the device takes; narrower ones are widened on read and refused on write.</param>
/// <param name="MaxAccess">Largest access in bytes the device takes; wider ones are split, low address first.</param>
/// <param name="Name">Name for diagnostics.</param>
public readonly record struct MmioWindow(ulong Base, ulong Size, int MinAccess, int MaxAccess, string Name);
