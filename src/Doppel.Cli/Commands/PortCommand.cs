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
        DoppelCommand command = new("port", "Show which ports of the host lead to a machine.")
        {
            Examples = [("doppel port web", "all of them"), ("doppel port web 80", "where the guest's port 80 is on the host")],
            Notes = ["Ports are published when a machine is started, with `doppel run --publish 8080:80`."],
        };
        Argument<string> name = MachineArguments.One();
        Argument<string?> guest = new("PORT") { Arity = ArgumentArity.ZeroOrOne, Description = "Port of the guest, for instance 80 or 53/udp" };
        command.Arguments.Add(name);
        command.Arguments.Add(guest);
        command.SetAction(result =>
        {
            MachineFolder folder = MachineRegistry.Open().Find(result.GetValue(name)!);
            MachineState state = folder.ReadState();
            if (state.IsOver) throw new CliException($"machine {folder.Name} does not run: {state.Describe(DateTimeOffset.UtcNow)}");
            return Print(folder.Name, state.Ports, result.GetValue(guest), result.InvocationConfiguration.Output);
        });
        return command;
    }

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
            throw new CliException($"no port of the host leads to port {wanted} of {name}", "publish it with `doppel run --publish HOST:GUEST`");
        foreach (MachinePort port in found) output.WriteLine(port.Host);
        return ExitStatus.Success;
    }
}
