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
