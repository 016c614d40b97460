using System.CommandLine;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel port</c>.</summary>
internal static class PortCommand
{
    internal static Command Create()
    {
        DoppelCommand command = new("port", "Show which ports of the host lead to a machine, open more, or close some.")
        {
            Examples =
            [
                ("doppel port web", "all of them"),
                ("doppel port web 80", "where the guest's port 80 is on the host"),
                ("doppel port web --publish 8443:443", "one more"),
                ("doppel port web --unpublish 8443", "and close it again"),
            ],
        };
        Argument<string> name = MachineArguments.One();
        Argument<string?> guest = new("PORT") { Arity = ArgumentArity.ZeroOrOne, Description = "Port of the guest, for instance 80 or 53/udp" };
        Option<string[]> publish = Many("--publish", "[IP:]HOST:GUEST[/udp]", "Open a port of the host that leads to a port of the guest", "-p");
        Option<string[]> unpublish = Many("--unpublish", "[IP:]HOST[/udp]", "Close a port of the host to new clients");
        command.Arguments.Add(name);
        command.Arguments.Add(guest);
        command.Options.Add(publish);
        command.Options.Add(unpublish);
        command.SetAction(async (result, cancellation) =>
        {
            MachineFolder folder = MachineRegistry.Open().Find(result.GetValue(name)!);
            MachineState state = folder.ReadState();
            if (state.IsOver) throw new CliException($"machine {folder.Name} does not run: {state.Describe(DateTimeOffset.UtcNow)}");
            string[] opened = result.GetValue(publish) ?? [], closed = result.GetValue(unpublish) ?? [];
            TextWriter output = result.InvocationConfiguration.Output;
            foreach (string port in closed) await MachineClient.DoAsync(folder, $"unpublish {port}", cancellation);
            foreach (string port in opened) output.WriteLine(await MachineClient.DoAsync(folder, $"publish {port}", cancellation));
            return opened.Length + closed.Length > 0 ? ExitStatus.Success : Print(folder.Name, state.Ports, result.GetValue(guest), output);
        });
        return command;
    }

    private static Option<string[]> Many(string name, string helpName, string description, params string[] aliases)
        => new(name, aliases)
        {
            HelpName = helpName,
            Description = description,
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = false,
        };

    private static int Print(string name, IReadOnlyList<MachinePort> ports, string? guest, TextWriter output)
    {
        if (guest is null)
        {
            foreach (MachinePort port in ports) output.WriteLine($"{port.Guest} -> {port.Host}");
            return ExitStatus.Success;
        }
        string wanted = guest.Contains('/', StringComparison.Ordinal) ? guest : guest + "/tcp";
        MachinePort[] found = [.. ports.Where(p => p.Guest == wanted)];
        if (found.Length == 0)
            throw new CliException($"no port of the host leads to port {wanted} of {name}", $"open one with `doppel port {name} --publish HOST:{guest}`");
        foreach (MachinePort port in found) output.WriteLine(port.Host);
        return ExitStatus.Success;
    }
}
