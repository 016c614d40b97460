using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>A lock of a guest's process on a range of bytes of a file.</summary>
/// <param name="Fid">Handle by which it was taken.</param>
/// <param name="Process">The process.</param>
/// <param name="IsExclusive">True for writing.</param>
/// <param name="Start">First byte.</param>
/// <param name="End">Last byte; <see cref="ulong.MaxValue"/> for wherever the file will end.</param>
internal readonly record struct ShareLock(uint Fid, uint Process, bool IsExclusive, ulong Start, ulong End)
{
    /// <summary>True for all bytes that a file can have.</summary>
    internal bool IsWhole => Start == 0 && End == ulong.MaxValue;

    /// <summary>The same as the host knows it.</summary>
    internal HostLock ToHost() => new(IsExclusive, (long)Start, LengthOf(Start, End));

    internal bool Overlaps(in ShareLock other) => Start <= other.End && other.Start <= End;

    internal bool HasHolderOf(in ShareLock other) => Fid == other.Fid && Process == other.Process;

    /// <summary>Length of a range for the host: what reaches to its last possible byte has none.</summary>
    internal static long LengthOf(ulong start, ulong end) => end >= long.MaxValue ? 0 : (long)(end - start) + 1;
}
