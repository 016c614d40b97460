using System.CommandLine;
using System.Globalization;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel stop</c>, <c>kill</c>, <c>pause</c>, <c>resume</c>, <c>wait</c> and <c>rm</c>.</summary>
internal static class LifeCommands
{
    private const int Kill = 9;

    internal static Command CreatePause() => CreateSimple("pause", "Let a machine's guest stand still.");

    internal static Command CreateResume() => CreateSimple("resume", "Let a paused machine go on.");

    internal static Command CreateStop()
    {
        DoppelCommand command = new("stop", "Ask a machine's guest to switch off; pull the plug if it does not.")
        {
            Examples = [("doppel stop web", "in order, within 10 seconds"), ("doppel stop -t 60 web db", "two of them, a minute each")],
        };
        Argument<string[]> names = MachineArguments.Several();
        Option<double> time = new("--time", "-t")
        {
            HelpName = "SECONDS",
            Description = "How long the guest may take [default: 10]",
            DefaultValueFactory = static _ => 10,
        };
        command.Arguments.Add(names);
        command.Options.Add(time);
        command.SetAction((result, cancellation) => MachineArguments.EachAsync(result.GetValue(names)!, result.InvocationConfiguration.Output, async machine =>
            await MachineClient.DoAsync(machine, string.Create(CultureInfo.InvariantCulture, $"stop {result.GetValue(time)}"), cancellation)));
        return command;
    }

    internal static Command CreateKill()
    {
        DoppelCommand command = new("kill", "Pull a machine's plug.")
        {
            Examples = [("doppel kill web", "at once; what the guest has not written to disk is lost")],
        };
        Argument<string[]> names = MachineArguments.Several();
        command.Arguments.Add(names);
        command.SetAction((result, cancellation) => MachineArguments.EachAsync(
            result.GetValue(names)!, result.InvocationConfiguration.Output, machine => KillAsync(machine, TimeSpan.FromSeconds(5), cancellation)));
        return command;
    }

    private static DoppelCommand CreateSimple(string verb, string description)
    {
        string meaning = verb == "pause" ? "its time stands still too" : "from where it stopped";
        DoppelCommand command = new(verb, description) { Examples = [($"doppel {verb} web", meaning)] };
        Argument<string[]> names = MachineArguments.Several();
        command.Arguments.Add(names);
        command.SetAction((result, cancellation) => MachineArguments.EachAsync(
            result.GetValue(names)!, result.InvocationConfiguration.Output, async machine => await MachineClient.DoAsync(machine, verb, cancellation)));
        return command;
    }

    internal static Command CreateWait()
    {
        DoppelCommand command = new("wait", "Wait for the end of machines and print their exit statuses.")
        {
            Examples = [("doppel wait job", "prints the status of its command")],
        };
        Argument<string[]> names = MachineArguments.Several();
        command.Arguments.Add(names);
        command.SetAction(async (result, cancellation) =>
        {
            foreach (string name in result.GetValue(names)!)
                result.InvocationConfiguration.Output.WriteLine(await WaitAsync(MachineRegistry.Open().Find(name), cancellation));
            return ExitStatus.Success;
        });
        return command;
    }

    internal static Command CreateRemove()
    {
        DoppelCommand command = new("rm", "Remove machines that have ended, with their logs.")
        {
            Examples = [("doppel rm web", "frees the name"), ("doppel rm -f web", "kills it first if it runs")],
        };
        Argument<string[]> names = MachineArguments.Several();
        Option<bool> force = new("--force", "-f") { Description = "Kill a machine that runs" };
        command.Arguments.Add(names);
        command.Options.Add(force);
        command.SetAction((result, cancellation) => MachineArguments.EachAsync(
            result.GetValue(names)!, result.InvocationConfiguration.Output, machine => RemoveAsync(machine, result.GetValue(force), cancellation)));
        return command;
    }

    // A process that does not answer is ended by the system.
    private static async Task KillAsync(MachineFolder machine, TimeSpan patience, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(patience);
        try
        {
            await MachineClient.DoAsync(machine, "kill", limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            machine.ReadState().Process.TrySignal(Kill);
        }
    }

    private static async Task<int> WaitAsync(MachineFolder machine, CancellationToken cancellation)
    {
        try
        {
            if (!machine.ReadState().IsOver) return int.Parse(await MachineClient.DoAsync(machine, "wait", cancellation), CultureInfo.InvariantCulture);
        }
        catch (CliException) when (machine.ReadState().IsOver)
        {
            // It ended while it was asked; its state tells the rest.
        }
        return machine.ReadState().ExitCode;
    }

    private static async Task RemoveAsync(MachineFolder machine, bool force, CancellationToken cancellation)
    {
        bool isOver = machine.ReadState().IsOver;
        string hint = $"stop it with `doppel stop {machine.Name}`, or remove it with `doppel rm -f {machine.Name}`";
        if (!isOver && !force) throw new CliException($"machine {machine.Name} runs", hint);
        if (!isOver) await KillAsync(machine, TimeSpan.FromSeconds(5), cancellation);
        machine.Delete();
    }
}
