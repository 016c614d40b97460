namespace Doppel.Core.Memory;

/// <summary>One stretch of guest-physical memory that is backed by host memory.</summary>
/// <param name="Base">First guest-physical address (Gpa), page aligned.</param>
/// <param name="Size">Size in bytes, a multiple of 4096.</param>
/// <param name="ReadOnly">True for ROM: the guest's stores to it raise an access fault; the board fills it.</param>
/// <param name="Name">Name for diagnostics and for <c>/proc/PID/maps</c>.</param>
public readonly record struct RamRegion(ulong Base, ulong Size, bool ReadOnly, string Name);
