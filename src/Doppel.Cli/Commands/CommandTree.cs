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

    /// <summary>
    /// Builds the tree, or, where the line begins with a command's name, only that branch: building all of it takes as long as a whole round trip
    /// of <c>exec</c>.
    /// </summary>
    /// <param name="guestCommand">What the user typed after <c>--</c>, or null.</param>
    /// <param name="first">The line's first word, or null for the whole tree.</param>
    internal static Command Create(IReadOnlyList<string>? guestCommand, string? first = null)
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
        (string Name, Func<Command> Create)[] branches = Branches(root, guestCommand);
        bool isBranch = Array.Exists(branches, b => b.Name == first) && first != CompletionCommand.Name;
        foreach ((string name, Func<Command> create) in branches)
        {
            if (!isBranch || name == first) root.Subcommands.Add(create());
        }
        return root;
    }

    private static (string Name, Func<Command> Create)[] Branches(Command root, IReadOnlyList<string>? guestCommand) =>
    [
        ("run",     () => RunCommand.Create(guestCommand)),
        ("exec",    () => ExecCommand.Create(guestCommand)),
        ("cp",      CpCommand.Create),
        ("attach",  AttachCommand.Create),
        ("logs",    LogsCommand.Create),
        ("ps",      PsCommand.CreateList),
        ("inspect", PsCommand.CreateInspect),
        ("port",    PortCommand.Create),
        ("balloon", BalloonCommand.Create),
        ("top",     UsageCommands.CreateTop),
        ("stats",   UsageCommands.CreateStats),
        ("start",   StartCommands.CreateStart),
        ("stop",    LifeCommands.CreateStop),
        ("restart", StartCommands.CreateRestart),
        ("rename",  StartCommands.CreateRename),
        ("kill",    LifeCommands.CreateKill),
        ("pause",   LifeCommands.CreatePause),
        ("resume",  LifeCommands.CreateResume),
        ("wait",    LifeCommands.CreateWait),
        ("rm",      LifeCommands.CreateRemove),
        ("image",   ImageCommand.Create),
        ("disk",    DiskCommand.Create),
        ("doctor",  DoctorCommand.Create),
        (CompletionCommand.Name, () => CompletionCommand.Create(root)),
    ];

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
