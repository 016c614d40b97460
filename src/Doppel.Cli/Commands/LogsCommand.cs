using System.CommandLine;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;
using Doppel.Host.Terminal;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel logs</c>.</summary>
internal static class LogsCommand
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(100);

    internal static Command Create()
    {
        DoppelCommand command = new("logs", "Show what a machine has printed.")
        {
            Examples =
            [
                ("doppel logs web", "all of it"),
                ("doppel logs -f --tail 10 web", "the last lines, and what comes"),
                ("doppel logs --boot web", "the kernel's messages"),
            ],
        };
        Argument<string> name = MachineArguments.One();
        Option<bool> follow = new("--follow", "-f") { Description = "Go on until the machine ends" };
        Option<bool> boot = new("--boot") { Description = "Show the serial port, where the kernel logs, in place of the console" };
        Option<bool> host = new("--host") { Description = "Show what Doppel itself had to say of the machine, for instance of a disk that is full" };
        Option<int?> tail = new("--tail", "-n") { HelpName = "LINES", Description = "Begin this many lines before the end" };
        command.Arguments.Add(name);
        foreach (Option option in (Option[])[follow, boot, host, tail]) command.Options.Add(option);
        command.SetAction(async (result, cancellation) =>
        {
            MachineFolder folder = MachineRegistry.Open().Find(result.GetValue(name)!);
            if (result.GetValue(boot) && result.GetValue(host)) throw CliException.Usage("--boot and --host are two logs; take one of them");
            string path = result.GetValue(boot) ? folder.BootLog : result.GetValue(host) ? folder.ProcessLog : folder.ConsoleLog;
            StandardStream output = new(1);
            long position = Show(path, result.GetValue(tail), output);
            if (result.GetValue(follow)) await FollowAsync(folder, (path, position), output, cancellation);
            return ExitStatus.Success;
        });
        return command;
    }

    // The log before this one, if there is one, then this one. Gives the place in this one.
    private static long Show(string path, int? lines, StandardStream output)
    {
        byte[] all = [.. ReadFrom(path + ".1", 0), .. ReadFrom(path, 0)];
        long length = File.Exists(path) ? new FileInfo(path).Length : 0;
        output.Write(all.AsSpan(lines is { } count and >= 0 ? StartOfLast(all, count) : 0));
        return length;
    }

    private static async Task FollowAsync(MachineFolder folder, (string Path, long Position) from, StandardStream output, CancellationToken cancellation)
    {
        long position = from.Position;
        while (true)
        {
            // Looked at before the log is read: what is in the log after the end is all there is.
            bool isOver = folder.ReadState().IsOver || folder.ReadRecord() is null;
            if (File.Exists(from.Path) && new FileInfo(from.Path).Length < position)
            {
                // A new log was begun meanwhile.
                output.Write(ReadFrom(from.Path + ".1", position));
                position = 0;
            }
            byte[] more = ReadFrom(from.Path, position);
            output.Write(more);
            position += more.Length;
            if (isOver) return;
            await Task.Delay(s_look, cancellation);
        }
    }

    private static byte[] ReadFrom(string path, long position)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            file.Position = Math.Min(position, file.Length);
            MemoryStream bytes = new();
            file.CopyTo(bytes);
            return bytes.ToArray();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
    }

    private static int StartOfLast(byte[] text, int lines)
    {
        int at = text.Length;
        if (lines <= 0) return at;
        if (at > 0 && text[at - 1] == '\n') at--;
        for (int found = 0; at > 0; at--)
        {
            if (text[at - 1] == '\n' && ++found == lines) break;
        }
        return at;
    }
}
