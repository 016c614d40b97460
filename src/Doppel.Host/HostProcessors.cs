namespace Doppel.Host;

/// <summary>The processors of the host, by the numbers that the kernel gives them. Thread contract: static, no state.</summary>
public static class HostProcessors
{
    /// <summary>Highest number that a processor can have, plus one.</summary>
    public const int MaxNumber = 8192;

    private const int MaskWords = MaxNumber / 64;

    /// <summary>Numbers of the processors that the calling thread may use, in ascending order.</summary>
    /// <exception cref="HostException">The host does not say.</exception>
    public static IReadOnlyList<int> Available
    {
        get
        {
            Span<ulong> mask = stackalloc ulong[MaskWords];
            mask.Clear();
            int result;
            // SAFETY: the mask is a local buffer of the size that is given.
            unsafe
            {
                fixed (ulong* first = mask) result = Interop.GetAffinity(0, MaskWords * sizeof(ulong), first);
            }
            if (result < 0) throw HostException.FromErrno("sched_getaffinity", "this thread");
            List<int> numbers = [];
            for (int i = 0; i < MaxNumber; i++)
            {
                if ((mask[i / 64] & (1UL << (i % 64))) != 0) numbers.Add(i);
            }
            return numbers;
        }
    }

    /// <summary>Lets the calling thread run on these processors only.</summary>
    /// <param name="numbers">Numbers below <see cref="MaxNumber"/>; those that the host does not have are passed over.</param>
    /// <exception cref="HostException">The host has none of them, or refuses.</exception>
    public static void PinCurrentThread(IReadOnlyList<int> numbers)
    {
        Span<ulong> mask = stackalloc ulong[MaskWords];
        mask.Clear();
        foreach (int number in numbers) mask[number / 64] |= 1UL << (number % 64);
        int result;
        // SAFETY: the mask is a local buffer of the size that is given.
        unsafe
        {
            fixed (ulong* first = mask) result = Interop.SetAffinity(0, MaskWords * sizeof(ulong), first);
        }
        if (result != 0) throw HostException.FromErrno("sched_setaffinity", $"processors {string.Join(',', numbers)}");
    }
}
