using System.CommandLine;
using System.CommandLine.Parsing;
using Doppel.Cli.Output;
using Doppel.Cli.Running;

namespace Doppel.Cli.Commands;

/// <summary>The options of <c>doppel run</c> for machines that have a name, or run in the background.</summary>
internal sealed class NamingSyntax
{
    private readonly Option<string?> _name = new("--name") { HelpName = "NAME", Description = "Name by which `doppel exec`, `stop` and the others find the machine" };
    private readonly Option<bool> _replace = new("--replace") { Description = "With --name: remove a machine that has the name already, even if it runs" };
    private readonly Option<bool> _detach = new("--detach", "-d") { Description = "Run in the background and print the machine's name" };
    private readonly Option<bool> _remove = new("--rm") { Description = "With --detach: leave nothing once the machine has ended" };
    private readonly Option<bool> _terminal = new("--tty") { Description = "With --detach: give the guest command a terminal" };
    private readonly Option<bool> _interactive = new("--interactive", "-i") { Description = "With --detach: keep the guest command's input open for `doppel attach`" };
    private readonly Option<bool> _both = new("-it", "-ti") { Description = "Both of these" };

    private readonly Option<RestartPolicy> _restart = new("--restart")
    {
        HelpName = RestartPolicy.Words,
        Description = "With --detach: start the machine again when it has ended by itself [default: no]",
        CustomParser = ParseRestart,
        DefaultValueFactory = static _ => RestartPolicy.Never,
    };

    internal NamingSyntax() => _restart.CompletionSources.Add("no", "on-failure", "always", "unless-stopped");

    internal IReadOnlyList<Option> Options => [_name, _replace, _detach, _remove, _restart, _terminal, _interactive, _both];

    /// <summary>Adds what was typed to a request.</summary>
    /// <exception cref="CliException">The options contradict each other.</exception>
    internal RunRequest Apply(RunRequest request, ParseResult result)
    {
        RunRequest whole = Add(request, result);
        if (whole.Restart == RestartPolicy.Never) return whole;
        if (!whole.Detach) throw CliException.Usage("--restart is for a machine in the background", "add --detach");
        if (whole.AutoRemove) throw CliException.Usage("--restart and --rm contradict each other", "leave one of them out");
        return whole;
    }

    private RunRequest Add(RunRequest request, ParseResult result) => request with
    {
        Name = result.GetValue(_name),
        Restart = result.GetValue(_restart)!,
        Replace = result.GetValue(_replace),
        Detach = result.GetValue(_detach),
        AutoRemove = result.GetValue(_remove),
        Terminal = result.GetValue(_terminal) || result.GetValue(_both),
        Interactive = result.GetValue(_interactive) || result.GetValue(_both),
    };

    private static RestartPolicy? ParseRestart(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        RestartPolicy? policy = RestartPolicy.TryParse(text);
        if (policy is null) result.AddError($"--restart {text}: it is {RestartPolicy.Words}");
        return policy;
    }
}
