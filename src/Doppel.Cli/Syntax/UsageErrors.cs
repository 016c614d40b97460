using System.CommandLine;
using System.CommandLine.Parsing;
using Doppel.Cli.Output;

namespace Doppel.Cli.Syntax;

/// <summary>Turns what the parser did not understand into an error that says what to type.</summary>
internal static class UsageErrors
{
    private const int CloseEnough = 2;

    internal static CliException From(ParseResult result)
    {
        Command command = result.CommandResult.Command;
        string help = $"see `{HelpPage.Path(command)} --help`";
        string? unknown = OptionReadAsArgument(result) ?? result.UnmatchedTokens.FirstOrDefault();
        if (unknown is null) return CliException.Usage(result.Errors.Count > 0 ? result.Errors[0].Message : "the command line is wrong", help);
        string kind = unknown.StartsWith('-') ? "option" : command.Subcommands.Count > 0 ? "command" : "argument";
        string? guess = Suggest(unknown, command);
        if (guess is not null) return CliException.Usage($"there is no {kind} {unknown}", $"did you mean `{guess}`? Otherwise {help}");
        bool afterImage = kind == "argument" && command is DoppelCommand { Trailing.Length: > 0 };
        string? hint = afterImage ? $"a command for the guest stands after --, as in `{HelpPage.Path(command)} -- {unknown}`; {help}" : null;
        return CliException.Usage($"there is no {kind} {unknown}", hint ?? help);
    }

    /// <summary>An unknown option stands where an argument may: the parser takes it for one.</summary>
    internal static string? OptionReadAsArgument(ParseResult result)
        => result.CommandResult.Children.OfType<ArgumentResult>().SelectMany(static a => a.Tokens).FirstOrDefault(static t => t.Value.StartsWith('-'))?.Value;

    /// <summary>The word that was meant: QEMU's single dash becomes two, and small slips of the keyboard are forgiven.</summary>
    internal static string? Suggest(string unknown, Command command)
    {
        string[] words = unknown.StartsWith('-')
            ? [.. HelpPage.Options(command).SelectMany(static o => o.Aliases.Append(o.Name))]
            : [.. command.Subcommands.Select(static c => c.Name)];
        string twoDashes = "--" + unknown.TrimStart('-').Split('=')[0];
        if (unknown.StartsWith('-') && words.Contains(twoDashes, StringComparer.Ordinal)) return twoDashes;
        return words.Where(w => w.Length > 2 && Distance(w, unknown) <= CloseEnough).MinBy(w => Distance(w, unknown));
    }

    // Levenshtein's edit distance with one row.
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.Length];
    }
}
