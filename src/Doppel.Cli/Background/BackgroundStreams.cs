using Doppel.Cli.Machines;
using Doppel.Cli.Running;

namespace Doppel.Cli.Background;

/// <summary>Connects the streams of a machine in the background with its console and its logs. Thread contract: one owner.</summary>
internal sealed class BackgroundStreams
{
    private readonly VirtualMachine _machine;
    private readonly ConsoleHub _console;
    private readonly SemaphoreSlim _typing = new(1);
    private readonly List<Task> _outputs = [];

    private BackgroundStreams(VirtualMachine machine, ConsoleHub console)
    {
        _machine = machine;
        _console = console;
    }

    /// <summary>What the guest's init reported.</summary>
    internal ControlLine Control { get; } = new();

    /// <summary>Ends when all output of an ended machine has been written.</summary>
    internal Task Drained => Task.WhenAll(_outputs);

    internal static BackgroundStreams Connect(VirtualMachine machine, MachinePlan plan, RunRequest request, (ConsoleHub Console, BoundedLog Boot) logs)
    {
        BackgroundStreams streams = new(machine, logs.Console);
        bool serialIsConsole = plan.Mode == RunMode.Plain;
        machine.Console.OutputReceived += serialIsConsole ? bytes => logs.Console.Write(bytes.Span) : bytes => logs.Boot.Write(bytes.Span);
        if (serialIsConsole) logs.Console.Input = streams.OneByOne(keys => machine.Console.WriteAsync(keys));
        else streams.ConnectPorts(plan.Mode == RunMode.PipedCommand, request.Interactive);
        return streams;
    }

    private void ConnectPorts(bool piped, bool interactive)
    {
        _outputs.Add(Task.Run(() => Control.ReadAsync(_machine.Ports[MachinePlan.ControlPort].Stream)));
        Copy(MachinePlan.ConsolePort);
        if (piped)
        {
            Copy(MachinePlan.OutputPort);
            Copy(MachinePlan.ErrorPort);
            if (!interactive) _machine.Ports[MachinePlan.InputPort].CompleteInput();
            if (!interactive) return;
        }
        Stream input = _machine.Ports[piped ? MachinePlan.InputPort : MachinePlan.ConsolePort].Stream;
        _console.Input = OneByOne(async keys =>
        {
            // What is typed before the guest has found its terminal is lost there.
            await Control.Begun;
            await input.WriteAsync(keys);
        });
    }

    private Func<ReadOnlyMemory<byte>, ValueTask> OneByOne(Func<ReadOnlyMemory<byte>, ValueTask> write) => async keys =>
    {
        await _typing.WaitAsync();
        try
        {
            await write(keys);
        }
        finally
        {
            _typing.Release();
        }
    };

    private void Copy(string port)
    {
        Stream from = _machine.Ports[port].Stream;
        _outputs.Add(Task.Run(async () =>
        {
            byte[] buffer = new byte[64 << 10];
            for (int count; (count = await from.ReadAsync(buffer)) > 0;) _console.Write(buffer.AsSpan(0, count));
        }));
    }
}
