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
        string[] unknown = Unknown(result);
        if (unknown.Length == 0) return Malformed(result, help);
        string kind = unknown[0].StartsWith('-') ? "option" : command.Subcommands.Count > 0 ? "command" : "argument";
        string message = unknown.Length == 1 ? $"there is no {kind} {unknown[0]}" : $"there are no {kind}s {string.Join(", ", unknown)}";
        IEnumerable<string> remedies = unknown.Select(word => Remedy(word, command) is { } remedy ? $"{word}: {remedy}" : null).OfType<string>();
        return CliException.Usage(message, string.Join("\n        ", remedies.Append(help)));
    }

    /// <summary>An unknown option stands where an argument may: the parser takes it for one.</summary>
    internal static string? OptionReadAsArgument(ParseResult result) => OptionsReadAsArguments(result).FirstOrDefault();

    /// <summary>The word that was meant: QEMU's single dash becomes two, and small slips of the keyboard are forgiven.</summary>
    internal static string? Suggest(string unknown, Command command)
    {
        string[] words = unknown.StartsWith('-')
            ? [.. HelpPage.Options(command).SelectMany(static o => o.Aliases.Append(o.Name))]
            : [.. command.Subcommands.Select(static c => c.Name)];
        string twoDashes = "--" + unknown.TrimStart('-').Split('=')[0];
        if (unknown.StartsWith('-') && words.Contains(twoDashes, StringComparer.Ordinal)) return twoDashes;
        // A value that touches its option, as in -p8080:80.
        if (unknown.Length > 2 && !char.IsAsciiLetter(unknown[2]) && words.Contains(unknown[..2], StringComparer.Ordinal)) return $"{unknown[..2]} {unknown[2..]}";
        return words.Where(w => w.Length > 2 && Distance(w, unknown) <= CloseEnough).MinBy(w => Distance(w, unknown));
    }

    private static CliException Malformed(ParseResult result, string help)
    {
        if (result.Errors.FirstOrDefault()?.SymbolResult is not OptionResult { Tokens.Count: 0, IdentifierToken: { } typed } option)
            return CliException.Usage(result.Errors.Count > 0 ? result.Errors[0].Message : "the command line is wrong", help);
        // As in `run uname -m`, where uname is taken for an image and -m for one of our options.
        string? image = result.CommandResult is { Command.Name: "run" } run
            ? run.Children.OfType<ArgumentResult>().SelectMany(static a => a.Tokens).FirstOrDefault()?.Value : null;
        string? hint = image is null ? null : $"if {image} is a command for the guest, it stands behind --, as in `doppel run -- {image}`\n        ";
        return CliException.Usage($"{typed.Value} needs a value: {option.Option.HelpName}", hint + help);
    }

    private static string? Remedy(string word, Command command)
    {
        if (PeerWords.Remedy(word, command.Name) is { } remedy) return remedy;
        if (Suggest(word, command) is { } guess) return $"did you mean `{guess}`?";
        return IsOption(word) && !command.Parents.Any() ? $"a machine is started with `doppel run {word} ...`" : null;
    }

    // All options that there are not, so that a line of another program's need not be mended one word after the other.
    private static string[] Unknown(ParseResult result)
    {
        string[] options = [.. OptionsReadAsArguments(result).Concat(result.UnmatchedTokens.Where(IsOption)).Distinct(StringComparer.Ordinal)];
        return options.Length > 0 && result.CommandResult.Command.Subcommands.Count == 0 ? options : [.. result.UnmatchedTokens.Take(1)];
    }

    private static IEnumerable<string> OptionsReadAsArguments(ParseResult result) =>
        result.CommandResult.Children.OfType<ArgumentResult>().SelectMany(static a => a.Tokens).Select(static t => t.Value).Where(IsOption);

    // A dash alone is standard input.
    private static bool IsOption(string word) => word.Length > 1 && word.StartsWith('-');

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
