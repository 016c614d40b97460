using System.CommandLine;
using System.Text.Json;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel ps</c> and <c>doppel inspect</c>.</summary>
internal static class PsCommand
{
    private const int CommandWidth = 30;

    internal static Command CreateList()
    {
        DoppelCommand command = new("ps", "List named machines.")
        {
            Examples = [("doppel ps", "those that run"), ("doppel ps -a", "those that have ended, too"), ("doppel ps --json", "for a script")],
        };
        Option<bool> all = new("--all", "-a") { Description = "Show machines that have ended, too" };
        Option<bool> quiet = new("--quiet", "-q") { Description = "Print names only" };
        Option<bool> json = MachineArguments.Json();
        foreach (Option option in (Option[])[all, quiet, json]) command.Options.Add(option);
        command.SetAction(result =>
        {
            (MachineRecord Record, MachineState State)[] machines = [.. Read().Where(m => result.GetValue(all) || !m.State.IsOver)];
            TextWriter output = result.InvocationConfiguration.Output;
            if (result.GetValue(json)) PrintJson(machines);
            else if (result.GetValue(quiet)) Array.ForEach(machines, m => output.WriteLine(m.Record.Name));
            else PrintTable(machines, output);
            return ExitStatus.Success;
        });
        return command;
    }

    internal static Command CreateInspect()
    {
        DoppelCommand command = new("inspect", "Show all that is known of a machine, as JSON.")
        {
            Examples = [("doppel inspect web", "what it was started as, and how it is")],
        };
        Argument<string> name = MachineArguments.One();
        command.Arguments.Add(name);
        command.SetAction(result =>
        {
            MachineFolder folder = MachineRegistry.Open().Find(result.GetValue(name)!);
            WriteJson(json => WriteOne(json, folder.ReadRecord()!, folder.ReadState(), folder.Path));
            return ExitStatus.Success;
        });
        return command;
    }

    // A machine may be removed while it is looked at.
    private static IEnumerable<(MachineRecord Record, MachineState State)> Read()
    {
        foreach (MachineFolder folder in MachineRegistry.Open().List())
        {
            if (folder.ReadRecord() is { } record) yield return (record, folder.ReadState());
        }
    }

    private static void PrintTable(IReadOnlyList<(MachineRecord Record, MachineState State)> machines, TextWriter output)
    {
        string[][] rows = [["NAME", "IMAGE", "COMMAND", "CPUS", "MEMORY", "STATUS", "PORTS"], .. machines.Select(Row)];
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(r => r[column].Length))];
        foreach (string[] row in rows) output.WriteLine(string.Join("  ", row.Select((text, i) => text.PadRight(widths[i]))).TrimEnd());
    }

    private static string[] Row((MachineRecord Record, MachineState State) machine)
    {
        string command = machine.Record.Command.Count == 0 ? "-" : string.Join(' ', machine.Record.Command).ReplaceLineEndings(" ");
        if (command.Length > CommandWidth) command = command[..(CommandWidth - 1)] + "…";
        return [machine.Record.Name, machine.Record.Image, command, $"{machine.Record.Cpus}", Sizes.Bytes(machine.Record.MemoryBytes), machine.State.Describe(DateTimeOffset.UtcNow),
            machine.State.IsOver ? "" : string.Join(", ", machine.State.Ports.Select(static p => $"{p.Host}->{p.Guest}"))];
    }

    private static void PrintJson(IEnumerable<(MachineRecord Record, MachineState State)> machines) => WriteJson(json =>
    {
        json.WriteStartArray();
        foreach ((MachineRecord record, MachineState state) in machines) WriteOne(json, record, state, folder: null);
        json.WriteEndArray();
    });

    private static void WriteOne(Utf8JsonWriter json, MachineRecord record, MachineState state, string? folder)
    {
        json.WriteStartObject();
        record.WriteTo(json);
        state.WriteTo(json);
        if (folder is not null) json.WriteString("folder", folder);
        json.WriteEndObject();
    }

    private static void WriteJson(Action<Utf8JsonWriter> write)
    {
        using Stream output = Console.OpenStandardOutput();
        using (Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true })) write(json);
        output.Write("\n"u8);
    }
}
