using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary>All commands. Help pages and shell completion are generated from this one tree.</summary>
internal static class CommandTree
{
    internal static string Version
        => (typeof(CommandTree).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0").Split('+')[0];

    /// <summary>Builds the tree.</summary>
    /// <param name="guestCommand">What the user typed after <c>--</c>, or null.</param>
    internal static Command Create(IReadOnlyList<string>? guestCommand)
    {
        DoppelCommand root = new("doppel", "Runs virtual machines.")
        {
            Examples =
            [
                ("doppel run", "a Debian shell on a 64-bit RISC-V machine"),
                ("doppel run -- uname -m", "one command in the guest"),
                ("doppel doctor", "what this host offers"),
            ],
        };
        root.Options.Add(new Option<bool>("--help", "-h", "-?") { Description = "Show this page", Recursive = true, Action = new HelpPage() });
        root.Options.Add(new Option<bool>("--version") { Description = "Print the version", Action = new VersionLine() });
        root.Subcommands.Add(RunCommand.Create(guestCommand));
        root.Subcommands.Add(ExecCommand.Create(guestCommand));
        root.Subcommands.Add(CpCommand.Create());
        root.Subcommands.Add(AttachCommand.Create());
        root.Subcommands.Add(LogsCommand.Create());
        foreach (Command command in PsCommand.Create().Concat(LifeCommands.Create())) root.Subcommands.Add(command);
        root.Subcommands.Add(ImageCommand.Create());
        root.Subcommands.Add(DoctorCommand.Create());
        root.Subcommands.Add(CompletionCommand.Create(root));
        return root;
    }

    private sealed class VersionLine : SynchronousCommandLineAction
    {
        // Printed whatever else the line lacks or has too much of, like the help page.
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            parseResult.InvocationConfiguration.Output.WriteLine($"doppel {Version}");
            return 0;
        }
    }
}
