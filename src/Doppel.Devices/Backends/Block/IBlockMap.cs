namespace Doppel.Devices.Backends.Block;

/// <summary>A stretch of a disk that is kept in one way.</summary>
/// <param name="Length">Length in bytes.</param>
/// <param name="IsZero">True if it is known to read as zero; false if it must be read to know.</param>
/// <param name="Depth">How many images below the one that was asked it is kept; 0 if that one has it.</param>
/// <param name="FileOffset">Where the file has it, byte for byte; null if it is compressed or nowhere.</param>
public readonly record struct BlockExtent(long Length, bool IsZero, int Depth, long? FileOffset);

/// <summary>A disk that can tell where it has data. Thread contract: as the disk's.</summary>
public interface IBlockMap
{
    /// <summary>What is at an offset, and how far the same goes on.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="most">Length that matters, in bytes.</param>
    BlockExtent FindExtent(long offset, long most);
}
