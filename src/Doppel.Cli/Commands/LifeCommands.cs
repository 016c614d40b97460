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
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);
    private static readonly string[] s_offSignals = ["TERM", "INT", "PWR", "15", "2", "30"], s_killSignals = ["KILL", "9"];

    internal static Command CreatePause() => CreateSimple("pause", "Let a machine's guest stand still.", MachineStatus.Running);

    internal static Command CreateResume() => CreateSimple("resume", "Let a paused machine go on.", MachineStatus.Paused);

    internal static Command CreateStop()
    {
        DoppelCommand command = new("stop", "Ask a machine's guest to switch off; pull the plug if it does not.")
        {
            Examples = [("doppel stop web", "in order, within 10 seconds"), ("doppel stop -t 60 web db", "two of them, a minute each"), ("doppel stop -a", "all that run")],
        };
        MachineSelection machines = new(command, "Stop all machines that run");
        Option<double> time = Time();
        command.Options.Add(time);
        command.SetAction((result, cancellation) => MachineArguments.EachAsync(
            machines.Read(result, IsUp), result.InvocationConfiguration.Output, machine => StopAsync(machine, result.GetValue(time), cancellation)));
        return command;
    }

    internal static Command CreateKill()
    {
        DoppelCommand command = new("kill", "Pull a machine's plug.")
        {
            Examples =
            [
                ("doppel kill web", "at once; what the guest has not written to disk is lost"),
                ("doppel kill -s TERM web", "press the power button: the guest is asked to switch off, and nobody waits"),
            ],
        };
        MachineSelection machines = new(command, "Kill all machines that run");
        Option<string> signal = new("--signal", "-s")
        {
            HelpName = "SIGNAL",
            Description = "KILL pulls the plug, TERM presses the power button [default: KILL]",
            DefaultValueFactory = static _ => "KILL",
        };
        signal.CompletionSources.Add("KILL", "TERM");
        command.Options.Add(signal);
        command.SetAction((result, cancellation) =>
        {
            bool isOff = ReadSignal(result.GetValue(signal)!);
            return MachineArguments.EachAsync(machines.Read(result, IsUp), result.InvocationConfiguration.Output,
                machine => isOff ? MachineClient.DoAsync(machine, "off", cancellation) : KillAsync(machine, cancellation));
        });
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
            Task<int>[] ends = [.. result.GetValue(names)!.Select(name => WaitAsync(MachineRegistry.Open().Find(name), cancellation))];
            foreach (Task<int> end in ends) result.InvocationConfiguration.Output.WriteLine(await end);
            return ExitStatus.Success;
        });
        return command;
    }

    internal static Command CreateRemove()
    {
        DoppelCommand command = new("rm", "Remove machines that have ended, with their logs and what they have written to their root disks.")
        {
            Examples = [("doppel rm web", "frees the name"), ("doppel rm -f web", "kills it first if it runs"), ("doppel rm -a", "all that have ended")],
        };
        MachineSelection machines = new(command, "Remove all machines that have ended; with --force, all");
        Option<bool> force = new("--force", "-f") { Description = "Kill a machine that runs" };
        command.Options.Add(force);
        command.SetAction((result, cancellation) => MachineArguments.EachAsync(machines.Read(result, s => s.IsOver || result.GetValue(force)),
            result.InvocationConfiguration.Output, machine => RemoveAsync(machine, result.GetValue(force), cancellation)));
        return command;
    }

    internal static Option<double> Time()
    {
        Option<double> time = new("--time", "-t", "--timeout")
        {
            HelpName = "SECONDS",
            Description = "How long the guest may take [default: 10]",
            DefaultValueFactory = static _ => 10,
        };
        time.Validators.Add(static result =>
        {
            if (result.Tokens.Count == 1 && !(result.GetValueOrDefault<double>() is >= 0 and <= 86_400))
                result.AddError($"--time {result.Tokens[0].Value}: not a number of seconds, at most a day");
        });
        return time;
    }

    /// <summary>Ends a machine in order; one that has ended is as it should be.</summary>
    internal static async Task StopAsync(MachineFolder machine, double seconds, CancellationToken cancellation)
    {
        try
        {
            if (!machine.ReadState().IsOver) await MachineClient.DoAsync(machine, string.Create(CultureInfo.InvariantCulture, $"stop {seconds}"), cancellation);
        }
        catch (CliException) when (machine.ReadState().IsOver)
        {
            // It ended while it was asked.
        }
    }

    /// <summary>Ends a machine at once, and removes it. Used where a new one is to have its name, too.</summary>
    internal static async Task RemoveAsync(MachineFolder machine, bool force, CancellationToken cancellation)
    {
        bool isOver = machine.ReadState().IsOver;
        string hint = $"stop it with `doppel stop {machine.Name}`, or remove it with `doppel rm -f {machine.Name}`";
        if (!isOver && !force) throw new CliException($"machine {machine.Name} runs", hint);
        try
        {
            if (!isOver) await KillAsync(machine, cancellation);
        }
        catch (CliException) when (machine.ReadState().IsOver)
        {
            // It ended while it was asked.
        }
        machine.Delete();
    }

    private static bool IsUp(MachineState state) => !state.IsOver;

    private static bool ReadSignal(string text)
    {
        string name = text.StartsWith("SIG", StringComparison.OrdinalIgnoreCase) ? text[3..] : text;
        if (s_killSignals.Contains(name, StringComparer.OrdinalIgnoreCase)) return false;
        if (s_offSignals.Contains(name, StringComparer.OrdinalIgnoreCase)) return true;
        throw CliException.Usage($"--signal {text}: a machine takes KILL and TERM",
            $"a program in it is sent others with `doppel exec NAME -- kill -s {name} PROCESS`");
    }

    private static DoppelCommand CreateSimple(string verb, string description, MachineStatus from)
    {
        string meaning = verb == "pause" ? "its time stands still too" : "from where it stopped";
        DoppelCommand command = new(verb, description) { Examples = [($"doppel {verb} web", meaning)] };
        MachineSelection machines = new(command, $"All machines that are {MachineState.Word(from)}");
        command.SetAction((result, cancellation) => MachineArguments.EachAsync(machines.Read(result, s => s.Status == from),
            result.InvocationConfiguration.Output, machine => MachineClient.DoAsync(machine, verb, cancellation)));
        return command;
    }

    // A process that does not answer, or does not listen yet, is ended by the system.
    private static async Task KillAsync(MachineFolder machine, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(s_patience);
        try
        {
            await MachineClient.DoAsync(machine, "kill", limit.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or CliException && !cancellation.IsCancellationRequested)
        {
            if (!machine.ReadState().Process.TrySignal(Kill) && e is CliException) throw;
            for (int attempt = 0; attempt < 100 && machine.ReadState().Process.IsAlive; attempt++) await Task.Delay(20, cancellation);
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
}
