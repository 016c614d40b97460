using Doppel.Core.Time;

namespace Doppel.Consoles;

/// <summary>
/// Recognises, in a stream of console output, the moments that people ask about: the kernel's first line and the start of its first
/// process. Thread contract: <see cref="Observe"/> on one thread at a time; the results from any thread.
/// </summary>
internal sealed class BootMilestones(HostStopwatch watch)
{
    private static readonly byte[] s_kernel = "Linux version "u8.ToArray();
    private static readonly byte[] s_init = "Run /init as init process"u8.ToArray();

    private readonly ByteMatcher _kernelMatcher = new(s_kernel);
    private readonly ByteMatcher _initMatcher = new(s_init);
    private TimeSpan? _kernel;
    private TimeSpan? _init;

    /// <summary>Time of the kernel's first line.</summary>
    public TimeSpan? Kernel => _kernel;

    /// <summary>Time of the start of <c>/init</c>.</summary>
    public TimeSpan? Init => _init;

    /// <summary>Looks at output that was just printed.</summary>
    public void Observe(ReadOnlySpan<byte> output)
    {
        if (_kernel is null && _kernelMatcher.Feed(output)) _kernel = watch.Elapsed;
        if (_init is null && _initMatcher.Feed(output)) _init = watch.Elapsed;
    }

    // Finds a byte string across chunks by keeping the tail that may still become a match.
    private sealed class ByteMatcher(byte[] pattern)
    {
        private byte[] _tail = [];

        internal bool Feed(ReadOnlySpan<byte> chunk)
        {
            byte[] window = [.. _tail, .. chunk];
            if (window.AsSpan().IndexOf(pattern) >= 0) return true;
            _tail = window[Math.Max(0, window.Length - pattern.Length + 1)..];
            return false;
        }
    }
}
