using System.CommandLine;
using Doppel.Cli.Completion;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;

namespace Doppel.Cli.Commands;

/// <summary>What the commands for named machines share.</summary>
internal static class MachineArguments
{
    internal static Argument<string> One() => new(CompletionScript.MachineArgument) { Description = "Name of the machine" };

    internal static Argument<string[]> Several() => new(CompletionScript.MachineArgument) { Description = "Names of machines", Arity = ArgumentArity.OneOrMore };

    internal static Option<bool> Json() => new("--json") { Description = "Print JSON" };

    internal static Option<string?> Format(params string[] aliases) => new("--format", aliases)
    {
        HelpName = "TEMPLATE",
        Description = "Print this of each machine, for instance '{{.name}} {{.status}}'; the names are those of the JSON",
    };

    /// <summary>Does the same to several machines at once; one that fails does not keep the others from it. Names are printed in their order.</summary>
    internal static async Task<int> EachAsync(IEnumerable<string> names, TextWriter output, Func<MachineFolder, Task> act)
    {
        (string Name, Task Done)[] all = [.. names.Distinct(StringComparer.Ordinal).Select(name => (name, Task.Run(() => act(MachineRegistry.Open().Find(name)))))];
        int status = ExitStatus.Success;
        foreach ((string name, Task done) in all)
        {
            try
            {
                await done;
                output.WriteLine(name);
            }
            catch (Exception e) when (ErrorMessage.For(e) is { } error && e is not OperationCanceledException)
            {
                status = error.Print();
            }
        }
        return status;
    }
}

/// <summary>The machines of a command that takes their names, or <c>--all</c>.</summary>
internal sealed class MachineSelection
{
    private readonly Argument<string[]> _names = new(CompletionScript.MachineArgument) { Description = "Names of machines", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<bool> _all;

    /// <summary>Adds both to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="meaning">What all of them are, for the help page.</param>
    internal MachineSelection(Command command, string meaning)
    {
        _all = new("--all", "-a") { Description = meaning };
        command.Arguments.Add(_names);
        command.Options.Add(_all);
    }

    /// <summary>The names that were typed, or those of all machines that are meant.</summary>
    internal IReadOnlyList<string> Read(ParseResult result, Func<MachineState, bool> isMeant)
    {
        string[] names = result.GetValue(_names) ?? [];
        bool all = result.GetValue(_all);
        if (all && names.Length != 0) throw CliException.Usage("--all leaves no machine that could be named beside it");
        if (!all && names.Length == 0) throw CliException.Usage("the machine's name is missing", "`doppel ps -a` lists machines; --all takes all of them");
        return all ? [.. MachineRegistry.Open().List().Where(m => isMeant(m.ReadState())).Select(static m => m.Name)] : names;
    }
}
