using System.CommandLine;
using Doppel.Cli.Background;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel start</c>, <c>restart</c> and <c>rename</c>.</summary>
internal static class StartCommands
{
    internal static Command CreateStart()
    {
        DoppelCommand command = new("start", "Start machines that have ended, as they were started before.")
        {
            Examples = [("doppel start web", "with the root disk as it was left"), ("doppel start -a", "all that do not run, for instance after the host has rebooted")],
            Notes = ["It is the same `doppel run` once more, in the folder where that was typed. What the machine has written to its root disk is there."],
        };
        MachineSelection machines = new(command, "Start all machines that have ended");
        command.SetAction((result, cancellation) => MachineArguments.EachAsync(
            machines.Read(result, static s => s.IsOver), result.InvocationConfiguration.Output, machine => StartAsync(machine, cancellation)));
        return command;
    }

    internal static Command CreateRestart()
    {
        DoppelCommand command = new("restart", "Stop machines and start them again.")
        {
            Examples = [("doppel restart web", "in order, within 10 seconds"), ("doppel restart -t 0 web", "as if the plug were pulled and put in again")],
        };
        MachineSelection machines = new(command, "Restart all machines that run");
        Option<double> time = LifeCommands.Time();
        command.Options.Add(time);
        command.SetAction((result, cancellation) => MachineArguments.EachAsync(
            machines.Read(result, static s => !s.IsOver), result.InvocationConfiguration.Output, async machine =>
            {
                await LifeCommands.StopAsync(machine, result.GetValue(time), cancellation);
                await WaitUntilGoneAsync(machine, cancellation);
                if (!machine.Exists) throw new CliException($"machine {machine.Name} is gone now that it has stopped: it was started with --rm, or in the foreground");
                await StartAsync(machine, cancellation);
            }));
        return command;
    }

    internal static Command CreateRename()
    {
        DoppelCommand command = new("rename", "Give a machine another name.") { Examples = [("doppel rename web old-web", "whether it runs or not")] };
        Argument<string> name = MachineArguments.One();
        Argument<string> next = new("NEW") { Description = "Its new name" };
        command.Arguments.Add(name);
        command.Arguments.Add(next);
        command.SetAction(async (result, cancellation) =>
        {
            MachineFolder machine = MachineRegistry.Open().Find(result.GetValue(name)!);
            await RenameAsync(machine, MachineRegistry.CheckName("NEW", result.GetValue(next)!), cancellation);
            return ExitStatus.Success;
        });
        return command;
    }

    // A machine that runs is asked itself, because it writes by its name.
    private static async Task RenameAsync(MachineFolder machine, string name, CancellationToken cancellation)
    {
        if (!machine.ReadState().IsOver)
        {
            await MachineClient.DoAsync(machine, $"rename {name}", cancellation);
            return;
        }
        using FileStream held = machine.TryLock() ?? throw new CliException($"machine {machine.Name} is being started");
        machine.Rename(name);
    }

    private static async Task StartAsync(MachineFolder machine, CancellationToken cancellation)
    {
        if (!machine.ReadState().IsOver) return;
        MachineRecord record = machine.ReadRecord() ?? throw new CliException($"machine {machine.Name}: what it was started as is damaged",
            $"its root disk, if it had one, is {machine.RootDisk}");
        int status = await BackgroundLaunch.StartAgainAsync(machine, record, cancellation);
        if (status != ExitStatus.Success) throw new CliException($"machine {machine.Name} did not start", hint: null, status);
    }

    // The answer to `stop` comes a moment before the machine's process has ended.
    private static async Task WaitUntilGoneAsync(MachineFolder machine, CancellationToken cancellation)
    {
        for (int attempt = 0; attempt < 250 && machine.Exists && machine.ReadState().Process.IsAlive; attempt++) await Task.Delay(20, cancellation);
    }
}
