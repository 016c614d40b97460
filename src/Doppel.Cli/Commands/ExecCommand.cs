using System.CommandLine;
using Doppel.Agent;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Running;
using Doppel.Cli.Syntax;
using Doppel.Host;
using Doppel.Host.Terminal;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel exec</c>.</summary>
internal static class ExecCommand
{
    private const int NotFound = 127, NotExecutable = 126, BrokenPipe = 128 + 13;

    internal static Command Create(IReadOnlyList<string>? guestCommand)
    {
        DoppelCommand command = new("exec", "Run a command in a machine that runs already.")
        {
            Trailing = "COMMAND [ARGS...]",
            Examples =
            [
                ("doppel exec web -- uname -a", "prints what the command prints, and exits with its status"),
                ("doppel exec -it web -- sh", "a shell"),
                ("doppel exec -i web -- tar x -C /tmp < site.tar", "with standard input"),
                ("doppel exec -u daemon -w /tmp web -- id", "as another user, in another folder"),
                ("doppel exec -d web -- sh -c 'sleep 60; reboot'", "goes on by itself; what it prints is lost"),
            ],
            Notes = ["Exit status: the command's; 128+N if signal N ended it; 126 and 127 if it cannot be run or is not there; 125 if Doppel failed."],
        };
        Argument<string> name = MachineArguments.One();
        Option<bool> input = new("--interactive", "-i") { Description = "Pass standard input on" };
        Option<bool> terminal = new("--tty", "-t") { Description = "Give the command a terminal" };
        Option<bool> both = new("-it", "-ti") { Description = "Both of these" };
        Option<bool> detach = new("--detach", "-d") { Description = "Let it go as soon as it runs" };
        Option<string?> user = new("--user", "-u") { HelpName = "USER[:GROUP]", Description = "Who runs it: a name or number of the guest [default: root]" };
        Option<string?> folder = new("--workdir", "-w") { HelpName = "PATH", Description = "Folder of the guest to start in [default: /]" };
        Option<string[]> variables = Repeated("--env", "NAME[=VALUE]", "Set a variable, without a value to that of this shell; may be given several times", "-e");
        Option<string[]> files = Repeated("--env-file", "FILE", "Set the variables in a file, a line each");
        command.Arguments.Add(name);
        foreach (Option option in (Option[])[input, terminal, both, detach, user, folder, variables, files]) command.Options.Add(option);
        command.SetAction((result, cancellation) =>
        {
            if (guestCommand is not { Count: > 0 }) throw CliException.Usage("the command is missing", "for instance `doppel exec NAME -- uname -a`");
            bool hasTerminal = result.GetValue(terminal) || result.GetValue(both);
            GuestExec exec = new(guestCommand)
            {
                User = result.GetValue(user) ?? "",
                WorkingDirectory = result.GetValue(folder) ?? "",
                Environment = ExecVariables.Read(result.GetValue(files) ?? [], result.GetValue(variables) ?? [], hasTerminal),
                Detached = result.GetValue(detach),
                HasInput = result.GetValue(input) || result.GetValue(both),
                Terminal = hasTerminal,
                Columns = TerminalSession.Size.Columns,
                Rows = TerminalSession.Size.Rows,
            };
            return RunAsync(MachineRegistry.Open().Find(result.GetValue(name)!), exec, cancellation);
        });
        return command;
    }

    private static Option<string[]> Repeated(string name, string value, string description, params string[] aliases) =>
        new(name, aliases) { HelpName = value, Description = description, AllowMultipleArgumentsPerToken = false };

    /// <summary>Runs a program with this process's standard streams, and gives the exit status.</summary>
    internal static async Task<int> RunAsync(MachineFolder machine, GuestExec exec, CancellationToken cancellation)
    {
        GuestAgent agent = await MachineClient.AgentAsync(machine, cancellation);
        using StopSignals? signals = exec.Terminal ? null : new StopSignals();
        using RawTerminal? raw = exec is { Terminal: true, HasInput: true, Detached: false } && HostTerminal.IsTerminal(0) ? RawTerminal.Enter(0) : null;
        try
        {
            await using GuestProcess process = await agent.StartAsync(exec, cancellation);
            using IDisposable? resize = exec.Terminal
                ? HostTerminal.OnResize(() => process.Resize(TerminalSession.Size.Columns, TerminalSession.Size.Rows)) : null;
            if (exec is { HasInput: true, Detached: false }) new Thread(() => Feed(process.StandardInput)) { IsBackground = true, Name = "doppel-input" }.Start();
            if (signals is not null) _ = PassSignalAsync(signals, process);
            return await EndOfAsync(process, cancellation);
        }
        catch (GuestAgentException e)
        {
            return new ErrorMessage($"{machine.Name}: {e.Message}", null, e.ErrorNumber switch { 0 => ExitStatus.Failure, 2 => NotFound, _ => NotExecutable }).Print();
        }
    }

    // When nobody reads what it prints, it ends as a local program would.
    private static async Task<int> EndOfAsync(GuestProcess process, CancellationToken cancellation)
    {
        Task<int?> output = CopyAsync(process.StandardOutput, 1), error = CopyAsync(process.StandardError, 2);
        Task<GuestExit> end = process.WaitAsync(cancellation);
        List<Task> open = [end, output, error];
        while (!end.IsCompleted)
        {
            Task first = await Task.WhenAny(open);
            open.Remove(first);
            if (first is Task<int?> copy && await copy is { } broken) return broken;
        }
        GuestExit exit = await end;
        return await output ?? await error ?? exit.ExitCode;
    }

    private static async Task PassSignalAsync(StopSignals signals, GuestProcess process) =>
        process.SendSignal(await signals.Received - ExitStatus.FromSignal(0));

    private static async Task<int?> CopyAsync(Stream from, int fd)
    {
        StandardStream to = new(fd);
        byte[] buffer = new byte[32 << 10];
        try
        {
            for (int count; (count = await from.ReadAsync(buffer)) > 0;) to.Write(buffer.AsSpan(0, count));
            return null;
        }
        catch (HostException e)
        {
            return e.IsBrokenPipe ? BrokenPipe : ExitStatus.Failure;
        }
        catch (GuestAgentException)
        {
            // How the program ended, its result tells.
            return null;
        }
    }

    // On a thread of its own, because a read from a terminal can not be cancelled.
    private static void Feed(Stream guest)
    {
        byte[] buffer = new byte[16 << 10];
        StandardStream input = new(0);
        try
        {
            for (int count; (count = Read(input, buffer)) > 0;) guest.WriteAsync(buffer.AsMemory(0, count)).AsTask().GetAwaiter().GetResult();
            guest.Dispose();
        }
        catch (Exception e) when (e is IOException or GuestAgentException or ObjectDisposedException)
        {
            // The program has ended.
        }
    }

    // An input that cannot be read, and a terminal that has gone, are at their end.
    private static int Read(StandardStream input, byte[] buffer)
    {
        try
        {
            return input.Read(buffer);
        }
        catch (HostException)
        {
            return 0;
        }
    }
}
