using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel balloon</c>.</summary>
internal static class BalloonCommand
{
    // In the order of the page: name in JSON, line for people.
    private static readonly (string Name, string Line)[] s_lines =
    [
        ("totalBytes", "memory of the machine"),
        ("targetBytes", "the guest is to keep"),
        ("currentBytes", "the guest has"),
        ("hostBytes", "taken on the host"),
        ("givenBackBytes", "given back so far"),
        ("guestAvailableBytes", "available in the guest"),
        ("guestFreeBytes", "free in the guest"),
        ("guestCachesBytes", "file caches in the guest"),
    ];

    internal static Command Create()
    {
        DoppelCommand command = new("balloon", "Show a machine's memory, or make its guest do with less.")
        {
            Examples =
            [
                ("doppel balloon web", "what the guest has, uses, and takes on the host"),
                ("doppel balloon web 256M", "the guest gives back what it can spare beyond that"),
                ("doppel balloon web max", "it may have all again"),
            ],
            Notes = ["Free memory goes back to the host by itself after a few seconds; this command is for memory that the guest uses as cache."],
        };
        Argument<string> name = MachineArguments.One();
        Argument<string?> size = new("SIZE")
        {
            Arity = ArgumentArity.ZeroOrOne,
            Description = $"Memory that the guest is to keep, {MemorySize.Example}, or max for all that it was started with",
        };
        Option<bool> json = MachineArguments.Json();
        size.Validators.Add(static result =>
        {
            string text = result.Tokens[0].Value;
            if (text != "max" && !MemorySize.TryParse(text, out _)) result.AddError($"{text}: not an amount of memory, {MemorySize.Example}, nor max");
        });
        command.Arguments.Add(name);
        command.Arguments.Add(size);
        command.Options.Add(json);
        command.SetAction(async (result, cancellation) =>
        {
            MachineFolder machine = MachineRegistry.Open().Find(result.GetValue(name)!);
            string answer = await MachineClient.DoAsync(machine, $"balloon {BytesOf(result.GetValue(size))}".TrimEnd(), cancellation);
            if (result.GetValue(json)) result.InvocationConfiguration.Output.WriteLine(answer);
            else if (result.GetValue(size) is null) Print(answer, result.InvocationConfiguration.Output);
            return ExitStatus.Success;
        });
        return command;
    }

    private static string BytesOf(string? size) =>
        size is not null && MemorySize.TryParse(size, out ulong bytes) ? bytes.ToString(CultureInfo.InvariantCulture) : size ?? "";

    private static void Print(string answer, TextWriter output)
    {
        using JsonDocument document = JsonDocument.Parse(answer);
        foreach ((string name, string line) in s_lines)
        {
            if (document.RootElement.TryGetProperty(name, out JsonElement value)) output.WriteLine($"{line,-28} {Sizes.Bytes(value.GetUInt64())}");
        }
    }
}
