using System.Threading.Channels;
using Doppel.Cli.Output;
using Doppel.Host;
using Doppel.Host.Terminal;

namespace Doppel.Cli.Running;

/// <summary>
/// Connects the streams of a running machine with Doppel's own. Thread contract: one owner; input is read on a thread of its own,
/// because a read from a terminal can not be cancelled.
/// </summary>
internal sealed class GuestStreams
{
    private const int BrokenPipe = 128 + 13, PipedPieces = 16;

    private readonly MachinePlan _plan;
    private readonly VirtualMachine _machine;
    private readonly TerminalSession? _terminal;
    private readonly ControlLine _control = new();
    private readonly Channel<byte[]> _input;
    private readonly TaskCompletionSource<int> _interrupted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Task> _outputs = [];

    private GuestStreams(VirtualMachine machine, MachinePlan plan, TerminalSession? terminal)
    {
        _machine = machine;
        _plan = plan;
        _terminal = terminal;
        // Ctrl-A X must be seen even while the guest takes no input; what comes through a pipe can wait.
        _input = terminal is null ? Channel.CreateBounded<byte[]>(PipedPieces) : Channel.CreateUnbounded<byte[]>();
    }

    /// <summary>Ends, with an exit status, when the user quits or nobody reads the output any more.</summary>
    internal Task<int> Interrupted => _interrupted.Task;

    /// <summary>What the guest's init reported.</summary>
    internal ControlLine Control => _control;

    /// <summary>Ends when all output of an ended machine has been passed on.</summary>
    internal Task Drained => Task.WhenAll(_outputs);

    /// <summary>Connects everything.</summary>
    /// <param name="machine">The machine, just started.</param>
    /// <param name="plan">What it was started for.</param>
    /// <param name="terminal">The terminal, or null if keys do not go to the guest one by one.</param>
    /// <param name="serial">Where the serial port is shown, or null.</param>
    internal static GuestStreams Connect(VirtualMachine machine, MachinePlan plan, TerminalSession? terminal, Stream? serial)
    {
        GuestStreams streams = new(machine, plan, terminal);
        if (serial is not null) machine.Console.OutputReceived += bytes => streams.Show(bytes.Span, serial);
        if (plan.Mode != RunMode.Plain) streams.ConnectPorts();
        new Thread(streams.ReadInput) { IsBackground = true, Name = "doppel-input" }.Start();
        _ = Task.Run(streams.SendInputAsync);
        return streams;
    }

    private void ConnectPorts()
    {
        _outputs.Add(Task.Run(() => _control.ReadAsync(_machine.Ports[MachinePlan.ControlPort].Stream)));
        bool piped = _plan.Mode == RunMode.PipedCommand;
        Copy(MachinePlan.ConsolePort, piped ? 2 : 1);
        if (!piped) return;
        Copy(MachinePlan.OutputPort, 1);
        Copy(MachinePlan.ErrorPort, 2);
    }

    private void Copy(string port, int fd)
    {
        Stream from = _machine.Ports[port].Stream;
        StandardStream to = new(fd);
        _outputs.Add(Task.Run(async () =>
        {
            byte[] buffer = new byte[64 << 10];
            for (int count; (count = await from.ReadAsync(buffer)) > 0;) Show(buffer.AsSpan(0, count), to);
        }));
    }

    private void Show(ReadOnlySpan<byte> bytes, Stream to)
    {
        try
        {
            if (!_interrupted.Task.IsCompleted) to.Write(bytes);
        }
        catch (HostException e)
        {
            if (!e.IsBrokenPipe) Console.Error.WriteLine($"doppel: {e.Message}");
            _interrupted.TrySetResult(e.IsBrokenPipe ? BrokenPipe : ExitStatus.Failure);
        }
    }

    private void ReadInput()
    {
        byte[] buffer = new byte[16 << 10];
        StandardStream input = new(0);
        try
        {
            for (int count; (count = input.Read(buffer)) > 0;)
            {
                (ReadOnlyMemory<byte> forGuest, bool quit) = _terminal?.Type(buffer.AsSpan(0, count)) ?? (buffer.AsMemory(0, count), false);
                if (!forGuest.IsEmpty) _input.Writer.WriteAsync(forGuest.ToArray()).AsTask().GetAwaiter().GetResult();
                if (quit) _interrupted.TrySetResult(ExitStatus.Quit);
            }
        }
        catch (HostException)
        {
            // Input that can not be read, for instance a closed descriptor, is input that has ended.
        }
        _input.Writer.TryComplete();
    }

    private async Task SendInputAsync()
    {
        try
        {
            // The guest opens and closes its terminal while it looks for it, and what was typed before then is lost.
            if (_plan.Mode is RunMode.Shell or RunMode.TerminalCommand) await _control.Begun;
            await foreach (byte[] piece in _input.Reader.ReadAllAsync())
            {
                if (_plan.Mode == RunMode.Plain) await _machine.Console.WriteAsync(piece);
                else await _machine.Ports[InputPortName].Stream.WriteAsync(piece);
            }
            if (_plan.Mode == RunMode.PipedCommand) _machine.Ports[InputPortName].CompleteInput();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The machine has ended, or the guest has closed its end: nobody reads what is typed.
        }
    }

    private string InputPortName => _plan.Mode == RunMode.PipedCommand ? MachinePlan.InputPort : MachinePlan.ConsolePort;
}
