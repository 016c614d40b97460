using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>
/// The kernel's generator of random numbers, fit for keys. .NET's own loads OpenSSL, which costs every machine milliseconds at its start and
/// megabytes of memory. Thread contract: static, no state.
/// </summary>
public static class HostRandom
{
    /// <summary>Fills a buffer. Waits only while the host itself is starting (getrandom(2)).</summary>
    /// <exception cref="HostException">The host has no such generator.</exception>
    public static void Fill(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            nint count;
            // SAFETY: the kernel writes at most as many bytes as the span has, which stays where it is meanwhile.
            unsafe
            {
                fixed (byte* bytes = buffer) count = Interop.Getrandom(bytes, (nuint)buffer.Length, 0);
            }
            if (count >= 0) buffer = buffer[(int)count..];
            else if (Marshal.GetLastPInvokeError() != Interop.EINTR) throw HostException.FromErrno("getrandom", "random bytes");
        }
    }

    /// <summary>New random bytes.</summary>
    /// <exception cref="HostException">The host has no such generator.</exception>
    public static byte[] GetBytes(int count)
    {
        byte[] bytes = new byte[count];
        Fill(bytes);
        return bytes;
    }

    /// <summary>A new random number.</summary>
    /// <exception cref="HostException">The host has no such generator.</exception>
    public static uint GetUInt32() => BitConverter.ToUInt32(GetBytes(sizeof(uint)));
}
