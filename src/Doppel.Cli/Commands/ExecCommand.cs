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
            ],
            Notes = ["Exit status: the command's; 128+N if signal N ended it; 126 and 127 if it cannot be run or is not there; 125 if Doppel failed."],
        };
        Argument<string> name = MachineArguments.One();
        Option<bool> input = new("--interactive", "-i") { Description = "Pass standard input on" };
        Option<bool> terminal = new("--tty", "-t") { Description = "Give the command a terminal" };
        Option<bool> both = new("-it", "-ti") { Description = "Both of these" };
        Option<string?> user = new("--user", "-u") { HelpName = "USER", Description = "Who runs it: a name of the guest, UID or UID:GID [default: root]" };
        Option<string?> folder = new("--workdir", "-w") { HelpName = "PATH", Description = "Folder of the guest to start in [default: /]" };
        Option<string[]> variables = new("--env", "-e")
        {
            HelpName = "NAME=VALUE",
            Description = "Set a variable; may be given several times",
            AllowMultipleArgumentsPerToken = false,
        };
        command.Arguments.Add(name);
        foreach (Option option in (Option[])[input, terminal, both, user, folder, variables]) command.Options.Add(option);
        command.SetAction((result, cancellation) =>
        {
            if (guestCommand is not { Count: > 0 }) throw CliException.Usage("the command is missing", "for instance `doppel exec NAME -- uname -a`");
            bool hasTerminal = result.GetValue(terminal) || result.GetValue(both);
            GuestExec exec = new(guestCommand)
            {
                User = result.GetValue(user) ?? "",
                WorkingDirectory = result.GetValue(folder) ?? "/",
                Environment = Variables(result.GetValue(variables) ?? [], hasTerminal),
                HasInput = result.GetValue(input) || result.GetValue(both),
                Terminal = hasTerminal,
                Columns = TerminalSession.Size.Columns,
                Rows = TerminalSession.Size.Rows,
            };
            return RunAsync(MachineRegistry.Open().Find(result.GetValue(name)!), exec, cancellation);
        });
        return command;
    }

    private static Dictionary<string, string> Variables(IEnumerable<string> given, bool hasTerminal)
    {
        Dictionary<string, string> variables = new(StringComparer.Ordinal);
        if (hasTerminal) variables["TERM"] = Environment.GetEnvironmentVariable("TERM") is { Length: > 0 } term ? term : "vt100";
        foreach (string text in given)
        {
            int at = text.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0) throw CliException.Usage($"--env {text}: not NAME=VALUE");
            variables[text[..at]] = text[(at + 1)..];
        }
        return variables;
    }

    private static async Task<int> RunAsync(MachineFolder machine, GuestExec exec, CancellationToken cancellation)
    {
        GuestAgent agent = await MachineClient.AgentAsync(machine, cancellation);
        using StopSignals? signals = exec.Terminal ? null : new StopSignals();
        using RawTerminal? raw = exec is { Terminal: true, HasInput: true } && HostTerminal.IsTerminal(0) ? RawTerminal.Enter(0) : null;
        try
        {
            await using GuestProcess process = await agent.StartAsync(exec, cancellation);
            using IDisposable? resize = exec.Terminal
                ? HostTerminal.OnResize(() => process.Resize(TerminalSession.Size.Columns, TerminalSession.Size.Rows)) : null;
            if (exec.HasInput) new Thread(() => Feed(process.StandardInput)) { IsBackground = true, Name = "doppel-input" }.Start();
            Task<int?> output = CopyAsync(process.StandardOutput, 1), error = CopyAsync(process.StandardError, 2);
            Task<GuestExit> end = process.WaitAsync(cancellation);
            if (signals is not null) _ = PassSignalAsync(signals, process);
            await Task.WhenAny(end, FirstBrokenAsync(output, error));
            if (!end.IsCompleted) return BrokenPipe;
            GuestExit exit = await end;
            return await output ?? await error ?? exit.ExitCode;
        }
        catch (GuestAgentException e)
        {
            Console.Error.WriteLine($"doppel: {machine.Name}: {e.Message}");
            return e.ErrorNumber switch { 0 => ExitStatus.Failure, 2 => NotFound, _ => NotExecutable };
        }
    }

    private static async Task PassSignalAsync(StopSignals signals, GuestProcess process) =>
        process.SendSignal(await signals.Received - ExitStatus.FromSignal(0));

    private static async Task FirstBrokenAsync(Task<int?> output, Task<int?> error)
    {
        if (await output is null && await error is null) await Task.Delay(Timeout.Infinite);
    }

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
            for (int count; (count = input.Read(buffer)) > 0;) guest.WriteAsync(buffer.AsMemory(0, count)).AsTask().GetAwaiter().GetResult();
            guest.Dispose();
        }
        catch (Exception e) when (e is IOException or HostException or GuestAgentException or ObjectDisposedException)
        {
            // The program has ended, or the input can not be read, which is as if it had ended.
        }
    }
}
