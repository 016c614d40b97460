namespace Doppel.Host.Shares;

/// <summary>A lock on a range of bytes of a file.</summary>
/// <param name="IsExclusive">True for writing: nobody else may hold any lock there.</param>
/// <param name="Start">First byte.</param>
/// <param name="Length">Bytes; zero for all that follow, wherever the file will end.</param>
public readonly record struct HostLock(bool IsExclusive, long Start, long Length);
