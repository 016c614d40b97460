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

    /// <summary>Does the same to several machines; one that fails does not keep the others from it.</summary>
    internal static async Task<int> EachAsync(IEnumerable<string> names, TextWriter output, Func<MachineFolder, Task> act)
    {
        int status = ExitStatus.Success;
        foreach (string name in names)
        {
            try
            {
                await act(MachineRegistry.Open().Find(name));
                output.WriteLine(name);
            }
            catch (CliException e)
            {
                status = ErrorMessage.For(e)!.Print();
            }
        }
        return status;
    }
}
