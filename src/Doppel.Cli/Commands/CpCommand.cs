using System.CommandLine;
using Doppel.Agent;
using Doppel.Cli.Completion;
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
            Examples =
            [
                ("doppel cp site web:/tmp", "a folder into the guest's /tmp"),
                ("doppel cp site/. web:/srv", "what is in the folder"),
                ("doppel cp web:/etc/os-release .", "a file out of the guest"),
                ("doppel cp - web:/srv", "what a tar archive on standard input holds, into a folder of the guest"),
                ("doppel cp web:/srv -", "a tar archive on standard output"),
            ],
            Notes =
            [
                "A path of a guest is MACHINE:PATH. A path of the host that has a colon in it is written with a / before it, as in ./a:b.",
                "An archive is written and unpacked by the guest's own tar, so that owners and hard links are kept.",
            ],
        };
        Argument<string> source = new(CompletionScript.SourceArgument) { Description = "What to copy; - for a tar archive on standard input" };
        Argument<string> target = new(CompletionScript.TargetArgument) { Description = "Where to; a folder that is there takes the copy in; - for a tar archive on standard output" };
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
        if (sourcePath == "-" && from is null) return await ExecCommand.RunAsync(machine, Tar(targetPath, "-x"), cancellation);
        if (targetPath == "-" && to is null) return await ExecCommand.RunAsync(machine, Tar(sourcePath, "-c"), cancellation);
        try
        {
            GuestAgent agent = await MachineClient.AgentAsync(machine, cancellation);
            using CopyDisplay display = new();
            if (to is not null) await agent.Files.CopyInAsync(sourcePath, Rooted(targetPath), display, cancellation);
            else await agent.Files.CopyOutAsync(Rooted(sourcePath), targetPath, display, cancellation);
            return ExitStatus.Success;
        }
        catch (GuestAgentException e)
        {
            throw new CliException($"{machine.Name}: {e.Message}", e);
        }
    }

    // Of a file or folder the archive holds its name and what is below it; of PATH/. only that.
    private static GuestExec Tar(string path, string action)
    {
        string plain = Rooted(path).TrimEnd('/');
        int slash = plain.LastIndexOf('/');
        if (action == "-x") return new GuestExec("tar", action, "-C", Rooted(path), "-f", "-") { HasInput = true };
        return slash < 0 ? new GuestExec("tar", action, "-C", "/", "-f", "-", ".")
            : new GuestExec("tar", action, "-C", slash == 0 ? "/" : plain[..slash], "-f", "-", "--", plain[(slash + 1)..]);
    }

    private static string Rooted(string path) => path.StartsWith('/') ? path : "/" + path;
}
