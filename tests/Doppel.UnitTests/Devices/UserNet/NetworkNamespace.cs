using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>A network of the host's kernel, apart from the real one, and threads that live in it: sockets that they open belong to it.</summary>
internal sealed class NetworkNamespace : IDisposable
{
    private const int CloneNewNet = 0x4000_0000;

    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    internal NetworkNamespace()
    {
        TaskCompletionSource entered = new();
        _thread = new Thread(() => Loop(entered)) { IsBackground = true, Name = "network namespace" };
        _thread.Start();
        entered.Task.GetAwaiter().GetResult();
        Ip("link set lo up");
    }

    /// <summary>Does something inside and waits for it.</summary>
    internal T Run<T>(Func<T> action)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        using ManualResetEventSlim done = new();
        _work.Add(() =>
        {
            try
            {
                result = action();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
            done.Set();
        });
        done.Wait();
        failure?.Throw();
        return result;
    }

    internal void Run(Action action) => Run<object?>(() =>
    {
        action();
        return null;
    });

    /// <summary>A network that stands for a host and the world around it: 192.0.2.1 and 2001:db8::1 are there.</summary>
    internal static NetworkNamespace CreateWorld()
    {
        NetworkNamespace world = new();
        world.Ip("address add 192.0.2.1/32 dev lo");
        world.Ip("-6 address add 2001:db8::1/128 dev lo nodad");
        world.WaitForAddress6("20010db8");
        return world;
    }

    /// <summary>Waits until the kernel uses an IPv6 address, which it does not do at once even where it looks for no duplicate.</summary>
    /// <param name="start">How the address begins, in hexadecimal digits.</param>
    internal void WaitForAddress6(string start)
        => Assert.True(SpinWait.SpinUntil(() => Run(() => HasAddress6(start) && HasLocalRoute6(start)), TimeSpan.FromSeconds(60)), $"no IPv6 address {start}...");

    // The file of the calling thread's network: address, interface, prefix, scope, flags (0x40 is tentative), name.
    private static bool HasAddress6(string start)
        => File.ReadLines("/proc/thread-self/net/if_inet6").Any(l => l.StartsWith(start, StringComparison.Ordinal)
            && (Convert.ToInt32(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4], 16) & 0x40) == 0);

    // The kernel makes this a moment after the address, and what connects between the two never hears an answer from itself. The ninth field are
    // the flags (0x80000000 is local).
    private static bool HasLocalRoute6(string start)
        => File.ReadLines("/proc/thread-self/net/ipv6_route").Any(l => l.StartsWith(start, StringComparison.Ordinal)
            && (Convert.ToUInt32(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[8], 16) & 0x8000_0000) != 0);

    /// <summary>Runs <c>ip</c> (Debian package iproute2) inside.</summary>
    internal void Ip(string arguments) => Tool("ip", arguments);

    /// <summary>Runs a program inside; it must succeed.</summary>
    internal void Tool(string program, string arguments) => Run(() =>
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {arguments}: {output}");
    });

    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }

    private void Loop(TaskCompletionSource entered)
    {
        if (Unshare(CloneNewNet) != 0)
        {
            entered.SetException(new InvalidOperationException(
                $"This test needs a network namespace of its own, which takes root: {Marshal.GetLastPInvokeErrorMessage()}"));
            return;
        }
        entered.SetResult();
        foreach (Action action in _work.GetConsumingEnumerable()) action();
    }

    [DllImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static extern int Unshare(int flags);
}
