using System.CommandLine;
using Doppel.Cli.Commands;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;

namespace Doppel.Cli;

/// <summary>The command <c>doppel</c>.</summary>
internal static class Program
{
    // Without bundling -kernel is a mistake that gets a hint, and not -k with the value "ernel".
    internal static ParserConfiguration Parsing { get; } = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };

    // Signals are the running machine's business: the parser installs no handlers of its own.
    private static readonly InvocationConfiguration s_invocation = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };

    internal static async Task<int> Main(string[] args)
    {
        try
        {
            TrailingCommand words = TrailingCommand.Split(args);
            ParseResult result = CommandTree.Create(words.Guest, words.Own.FirstOrDefault()).Parse(words.Own, Parsing);
            if (result.Action is { ClearsParseErrors: true }) return await result.InvokeAsync(s_invocation);
            if (result.CommandResult.Command.Subcommands.Count > 0 && result.UnmatchedTokens.Count == 0) return ShowHelp(result.CommandResult.Command);
            bool wrong = result.UnmatchedTokens.Count > 0 || result.Errors.Count > 0 || UsageErrors.OptionReadAsArgument(result) is not null;
            if (wrong) throw UsageErrors.From(result);
            if (words.Guest is not null && result.CommandResult.Command is not DoppelCommand { Trailing.Length: > 0 })
                throw CliException.Usage($"`{HelpPage.Path(result.CommandResult.Command)}` takes nothing after --");
            return await result.InvokeAsync(s_invocation);
        }
        catch (Exception e) when (ErrorMessage.For(e) is { } error)
        {
            return error.Print();
        }
    }

    // `doppel` and `doppel image` alone are no mistake worth a message: the help page tells what to type.
    private static int ShowHelp(Command command)
    {
        Console.Error.Write(HelpPage.Render(command));
        return ExitStatus.Usage;
    }
}
