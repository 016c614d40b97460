using Spectre.Console;

namespace Doppel.Cli.Output;

/// <summary>The terminal behind standard error, for tables and progress bars.</summary>
internal static class ErrorConsole
{
    internal static IAnsiConsole Create() => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
}
