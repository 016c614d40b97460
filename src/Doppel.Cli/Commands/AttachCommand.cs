using System.CommandLine;
using System.Net.Sockets;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Running;
using Doppel.Cli.Syntax;
using Doppel.Host;
using Doppel.Host.Terminal;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel attach</c>.</summary>
internal static class AttachCommand
{
    private const int MostKeys = 4096;

    internal static Command Create()
    {
        DoppelCommand command = new("attach", "Connect this terminal to a machine's console.")
        {
            Examples = [("doppel attach web", "Ctrl-P Ctrl-Q leaves, and the machine goes on")],
            Notes = ["Keys: Ctrl-P Ctrl-Q or Ctrl-A D leaves; Ctrl-A A sends Ctrl-A. All other keys go to the guest, Ctrl-C too."],
        };
        Argument<string> name = MachineArguments.One();
        command.Arguments.Add(name);
        command.SetAction((result, cancellation) => RunAsync(MachineRegistry.Open().Find(result.GetValue(name)!), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(MachineFolder machine, CancellationToken cancellation)
    {
        (NetworkStream stream, _) = await MachineClient.CallAsync(machine, "attach", cancellation);
        await using NetworkStream owned = stream;
        TaskCompletionSource left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isTerminal = HostTerminal.IsTerminal(0);
        using (RawTerminal? raw = isTerminal ? RawTerminal.Enter(0) : null)
        using (IDisposable resize = HostTerminal.OnResize(() => SendSize(stream)))
        {
            if (isTerminal) SendSize(stream);
            new Thread(() => Type(stream, isTerminal, left)) { IsBackground = true, Name = "doppel-input" }.Start();
            Task shown = ShowAsync(stream);
            if (await Task.WhenAny(shown, left.Task) == shown) await shown;
        }
        if (left.Task.IsCompleted) Console.Error.WriteLine($"{(isTerminal ? "\r\n" : "")}doppel: detached; {machine.Name} goes on");
        return ExitStatus.Success;
    }

    private static async Task ShowAsync(NetworkStream stream)
    {
        StandardStream output = new(1);
        byte[] buffer = new byte[16 << 10];
        try
        {
            for (int count; (count = await stream.ReadAsync(buffer)) > 0;) output.Write(buffer.AsSpan(0, count));
        }
        catch (Exception e) when (e is IOException or HostException)
        {
            // The machine's process is gone, or nobody reads what is shown.
        }
    }

    // Through a pipe, what comes is typed as it is, and its end does not detach: the guest may have more to say.
    private static void Type(NetworkStream stream, bool isTerminal, TaskCompletionSource left)
    {
        DetachKeys keys = new();
        byte[] buffer = new byte[MostKeys];
        List<byte> typed = [];
        StandardStream input = new(0);
        try
        {
            for (int count; (count = input.Read(buffer)) > 0;)
            {
                typed.Clear();
                bool leave = isTerminal ? keys.Feed(buffer.AsSpan(0, count), typed) : Take(buffer.AsSpan(0, count), typed);
                if (typed.Count != 0) Send(stream, (byte)'d', [.. typed]);
                if (leave) left.TrySetResult();
            }
        }
        catch (Exception e) when (e is IOException or HostException or ObjectDisposedException)
        {
            // The machine has ended, or the terminal is gone.
        }
    }

    private static bool Take(ReadOnlySpan<byte> bytes, List<byte> typed)
    {
        typed.AddRange(bytes);
        return false;
    }

    private static void SendSize(NetworkStream stream)
    {
        TerminalSize size = TerminalSession.Size;
        Send(stream, (byte)'w', [(byte)size.Columns, (byte)(size.Columns >> 8), (byte)size.Rows, (byte)(size.Rows >> 8)]);
    }

    private static void Send(NetworkStream stream, byte kind, byte[] bytes)
    {
        byte[] frame = [kind, (byte)bytes.Length, (byte)(bytes.Length >> 8), .. bytes];
        try
        {
            lock (stream) stream.Write(frame);
        }
        catch (IOException)
        {
            // The reading side notices that the machine is gone.
        }
    }
}
