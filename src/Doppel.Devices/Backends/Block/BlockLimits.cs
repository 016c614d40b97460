namespace Doppel.Devices.Backends.Block;

/// <summary>Sizes in bytes, powers of two, that a guest should know to use a disk well. None of them is a condition.</summary>
/// <param name="PhysicalBlock">Smallest piece that is written without reading what is around it.</param>
/// <param name="OptimalTransfer">What large transfers should be multiples of; zero if it does not matter.</param>
/// <param name="DiscardGranularity">Smallest piece of which the space can be given back.</param>
public readonly record struct BlockLimits(int PhysicalBlock, int OptimalTransfer, int DiscardGranularity)
{
    /// <summary>Pages of the host's cache.</summary>
    public static BlockLimits Usual { get; } = new(4096, 0, 4096);
}
