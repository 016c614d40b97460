using System.CommandLine;
using System.CommandLine.Completions;
using System.Text;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Completion;

/// <summary>
/// Completion scripts that hold the whole command tree as words, so that pressing Tab does not start Doppel; machines are found by their folders.
/// </summary>
internal static class CompletionScript
{
    // As the registry of machines chooses its folder.
    private const string BashMachines = """
        _doppel_machines() {
          (cd "${DOPPEL_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/doppel}/machines" 2>/dev/null && ls)
        }

        """;

    // Paths of the host, and names of machines, to which a path of the guest is added by hand.
    private const string BashCopy = "compopt -o nospace -o filenames 2>/dev/null; " +
        "COMPREPLY+=($(compgen -f -- \"$word\") $(compgen -S : -W \"$(_doppel_machines)\" -- \"$word\"))";

    private const string FishMachines = "(ls (set -q DOPPEL_STATE; and echo $DOPPEL_STATE; or begin; set -q XDG_STATE_HOME; and echo $XDG_STATE_HOME/doppel; " +
        "or echo ~/.local/state/doppel; end)/machines 2>/dev/null)";

    /// <summary>Name of arguments that are machines.</summary>
    internal const string MachineArgument = "MACHINE";

    /// <summary>Names of arguments that are files, of the host or of a machine.</summary>
    internal const string SourceArgument = "FROM", TargetArgument = "TO";

    internal static IReadOnlyList<string> Shells { get; } = ["bash", "zsh", "fish"];

    internal static string For(string shell, Command root) => shell switch
    {
        "bash" => Bash(root),
        "zsh" => "#compdef doppel\nautoload -U +X bashcompinit && bashcompinit\n" + Bash(root),
        _ => Fish(root),
    };

    private static string Bash(Command root)
    {
        StringBuilder script = new(BashMachines + "_doppel() {\n  local word=\"${COMP_WORDS[COMP_CWORD]}\" last=\"${COMP_WORDS[COMP_CWORD-1]}\" path=\"\" words=\"\" i\n");
        script.Append("  COMPREPLY=()\n  for ((i = 1; i < COMP_CWORD; i++)); do\n    case \"$path ${COMP_WORDS[i]}\" in\n");
        script.Append("      *\" --\") COMPREPLY=($(compgen -o default -- \"$word\")); return ;;\n");
        foreach (Command command in Descendants(root).Skip(1)) script.Append("      \"").Append(Key(command)).Append("\") path=\"").Append(Key(command)).Append("\" ;;\n");
        script.Append("    esac\n  done\n  case \"$path $last\" in\n");
        foreach (Command command in Descendants(root))
        {
            foreach (Option option in HelpPage.Options(command).Where(static o => o.HelpName is not null)) AppendBashOption(script, command, option);
        }
        script.Append("  esac\n  case \"$path\" in\n");
        foreach (Command command in Descendants(root)) script.Append("    \"").Append(Key(command)).Append("\") words=\"").AppendJoin(' ', Words(command)).Append(TakesMachine(command) ? " $(_doppel_machines)" : "").Append("\" ;;\n");
        script.Append("  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n  case \"$path\" in\n");
        foreach (Command command in Descendants(root).Where(CopiesFiles)) script.Append("    \"").Append(Key(command)).Append("\") ").Append(BashCopy).Append(" ;;\n");
        return script.Append("  esac\n}\ncomplete -F _doppel doppel ./doppel\n").ToString();
    }

    private static void AppendBashOption(StringBuilder script, Command command, Option option)
    {
        string[] values = Values(option);
        string from = values.Length > 0 ? $"-W \"{string.Join(' ', values)}\"" : "";
        string files = TakesFile(option) ? "-f " : TakesFolder(option) ? "-d " : "";
        IEnumerable<string> names = option.Aliases.Append(option.Name).Select(n => $"\"{Key(command)} {n}\"");
        script.Append("    ").AppendJoin(" | ", names).Append(") COMPREPLY=($(compgen ").Append(files).Append(from).Append(" -- \"$word\")); return ;;\n");
    }

    private static string Fish(Command root)
    {
        StringBuilder script = new();
        foreach (Command command in Descendants(root))
        {
            string condition = FishCondition(command);
            foreach (Command child in command.Subcommands) AppendFish(script, condition, $"-f -a {child.Name}", child.Description);
            foreach (string value in command.Arguments.SelectMany(static a => Labels(a.GetCompletions(CompletionContext.Empty)))) AppendFish(script, condition, $"-f -a {value}", null);
            if (CopiesFiles(command)) AppendFish(script, condition, $"-a '{FishMachines}:'", null);
            if (TakesMachine(command)) AppendFish(script, condition, $"-f -a '{FishMachines}'", null);
            foreach (Option option in HelpPage.Options(command)) AppendFish(script, condition, FishOption(option), option.Description);
        }
        return script.ToString();
    }

    private static string FishCondition(Command command)
    {
        string[] path = Key(command).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return path.Length == 0 ? "__fish_use_subcommand" : string.Join("; and ", path.Select(static p => $"__fish_seen_subcommand_from {p}"));
    }

    private static string FishOption(Option option)
    {
        IEnumerable<string> names = option.Aliases.Append(option.Name).Select(static n =>
            n.StartsWith("--", StringComparison.Ordinal) ? $"-l {n[2..]}" : n.Length == 2 ? $"-s '{n[1..]}'" : $"-o {n[1..]}");
        string value = option.HelpName is null ? "" : TakesFile(option) || TakesFolder(option) ? " -r" : " -x";
        string[] values = Values(option);
        return string.Join(' ', names) + value + (values.Length > 0 ? $" -a '{string.Join(' ', values)}'" : "");
    }

    private static void AppendFish(StringBuilder script, string condition, string what, string? description)
    {
        script.Append("complete -c doppel -n '").Append(condition).Append("' ").Append(what);
        if (description is not null) script.Append(" -d '").Append(description.Replace("'", "\\'", StringComparison.Ordinal)).Append('\'');
        script.Append('\n');
    }

    private static IEnumerable<Command> Descendants(Command command) => command.Subcommands.SelectMany(Descendants).Prepend(command);

    private static IEnumerable<string> Words(Command command)
        => command.Subcommands.Select(static c => c.Name)
            .Concat(command.Arguments.SelectMany(static a => Labels(a.GetCompletions(CompletionContext.Empty))))
            .Concat(HelpPage.Options(command).Select(static o => o.Name));

    // The words between the program's name and here, each with a space before it.
    private static string Key(Command command)
    {
        string path = HelpPage.Path(command);
        int space = path.IndexOf(' ', StringComparison.Ordinal);
        return space < 0 ? "" : path[space..];
    }

    private static bool TakesMachine(Command command) => command.Arguments.Any(static a => a.Name == MachineArgument);

    private static bool CopiesFiles(Command command) => command.Arguments.Any(static a => a.Name == SourceArgument);

    private static bool TakesFile(Option option) => option.HelpName?.Contains("FILE", StringComparison.Ordinal) ?? false;

    private static bool TakesFolder(Option option) => option.HelpName?.Contains("FOLDER", StringComparison.Ordinal) ?? false;

    private static string[] Values(Option option) => option.HelpName is null ? [] : [.. Labels(option.GetCompletions(CompletionContext.Empty))];

    private static IEnumerable<string> Labels(IEnumerable<CompletionItem> items) => items.Select(static i => i.Label);
}
