using System.CommandLine;
using Doppel.Cli.Completion;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel completion SHELL</c>.</summary>
internal static class CompletionCommand
{
    internal const string Name = "completion";

    internal static Command Create(Command root)
    {
        DoppelCommand command = new(Name, "Print a completion script for a shell.")
        {
            Examples =
            [
                ("source <(doppel completion bash)", "for this bash"),
                ("doppel completion zsh > \"${fpath[1]}/_doppel\"", "for every zsh from now on"),
                ("doppel completion fish > ~/.config/fish/completions/doppel.fish", "for every fish from now on"),
            ],
        };
        Argument<string> shell = new("SHELL") { Description = "bash, zsh or fish" };
        string[] shells = [.. CompletionScript.Shells];
        shell.CompletionSources.Add(shells);
        shell.Validators.Add(result =>
        {
            string name = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            if (!shells.Contains(name, StringComparer.Ordinal)) result.AddError($"{name}: no completion for that shell; there is one for {string.Join(", ", shells)}");
        });
        command.Arguments.Add(shell);
        command.SetAction(result =>
        {
            result.InvocationConfiguration.Output.Write(CompletionScript.For(result.GetValue(shell)!, root));
            return 0;
        });
        return command;
    }
}
