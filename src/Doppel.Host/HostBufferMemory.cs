namespace Doppel.Host;

/// <summary>
/// Reaches the memory behind a <see cref="HostBuffer"/> from code that may not be unsafe. Thread contract: static, no state.
/// </summary>
public static class HostBufferMemory
{
    /// <summary>The memory of a buffer. Valid as long as whoever made the buffer keeps the memory mapped.</summary>
    /// <param name="buffer">A buffer of at most 2^31 - 1 bytes.</param>
    /// <exception cref="OverflowException">The buffer is longer.</exception>
    public static Span<byte> AsSpan(this HostBuffer buffer)
    {
        int length = checked((int)buffer.Length);
        // SAFETY: a HostBuffer is mapped memory of its length by contract.
        unsafe
        {
            return new Span<byte>((void*)buffer.Address, length);
        }
    }
}
