using System.CommandLine;
using Doppel.Agent;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel cp</c>.</summary>
internal static class CpCommand
{
    internal static Command Create()
    {
        DoppelCommand command = new("cp", "Copy files and folders into a machine or out of it.")
        {
            Examples = [("doppel cp site web:/tmp", "a folder into the guest's /tmp"), ("doppel cp web:/etc/os-release .", "a file out of the guest")],
            Notes = ["A path of a guest is MACHINE:PATH. A path of the host that has a colon in it is written with a / before it, as in ./a:b."],
        };
        Argument<string> source = new("SOURCE") { Description = "What to copy" };
        Argument<string> target = new("TARGET") { Description = "Where to; a folder that is there takes the copy in" };
        command.Arguments.Add(source);
        command.Arguments.Add(target);
        command.SetAction((result, cancellation) => RunAsync(result.GetValue(source)!, result.GetValue(target)!, cancellation));
        return command;
    }

    /// <summary>Splits <c>MACHINE:PATH</c>; the machine is null for a path of the host.</summary>
    internal static (string? Machine, string Path) Split(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal), slash = text.IndexOf('/', StringComparison.Ordinal);
        return colon <= 0 || (slash >= 0 && slash < colon) ? (null, text) : (text[..colon], text[(colon + 1)..]);
    }

    private static async Task<int> RunAsync(string source, string target, CancellationToken cancellation)
    {
        (string? from, string sourcePath) = Split(source);
        (string? to, string targetPath) = Split(target);
        if (from is null == to is null)
            throw CliException.Usage("one of the two paths is a machine's, the other the host's", "for instance `doppel cp notes.txt web:/tmp`");
        MachineFolder machine = MachineRegistry.Open().Find((from ?? to)!);
        try
        {
            GuestAgent agent = await MachineClient.AgentAsync(machine, cancellation);
            if (to is not null) await agent.Files.CopyInAsync(sourcePath, Rooted(targetPath), cancellation);
            else await agent.Files.CopyOutAsync(Rooted(sourcePath), targetPath, cancellation);
            return ExitStatus.Success;
        }
        catch (GuestAgentException e)
        {
            throw new CliException($"{machine.Name}: {e.Message}", e);
        }
    }

    private static string Rooted(string path) => path.StartsWith('/') ? path : "/" + path;
}
