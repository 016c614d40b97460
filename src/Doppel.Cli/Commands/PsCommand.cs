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
    private static readonly string[] s_heading = ["NAME", "IMAGE", "COMMAND", "CPUS", "MEMORY", "STATUS", "PORTS"];

    internal static Command CreateList()
    {
        DoppelCommand command = new("ps", "List named machines.")
        {
            Examples =
            [
                ("doppel ps", "those that run"),
                ("doppel ps -a", "those that have ended, too"),
                ("doppel ps --filter status=dead -q", "names of those whose process was killed or crashed"),
                ("doppel ps --json", "for a script"),
            ],
        };
        Option<bool> all = new("--all", "-a") { Description = "Show machines that have ended, too" };
        Option<bool> quiet = new("--quiet", "-q") { Description = "Print names only" };
        Option<string[]> filters = new("--filter", "-f")
        {
            HelpName = "KEY=VALUE",
            Description = "Only those with name=PART, image=NAME, status=WORD or exited=STATUS; may be given several times",
            AllowMultipleArgumentsPerToken = false,
        };
        Option<bool> whole = new("--no-trunc") { Description = "Print long commands whole" };
        Option<bool> json = MachineArguments.Json();
        Option<string?> format = MachineArguments.Format();
        foreach (Option option in (Option[])[all, quiet, filters, whole, json, format]) command.Options.Add(option);
        command.SetAction(result =>
        {
            MachineFilter filter = new(result.GetValue(filters) ?? []);
            bool ended = result.GetValue(all) || filter.MeansEnded;
            (MachineRecord Record, MachineState State)[] machines =
                [.. Read().Where(m => (ended || !m.State.IsOver) && filter.Takes(m.Record, m.State))];
            TextWriter output = result.InvocationConfiguration.Output;
            string? template = result.GetValue(format);
            if (result.GetValue(json) || template == "json") PrintJson(machines);
            else if (template is not null) PrintEach(template, machines, output);
            else if (result.GetValue(quiet)) Array.ForEach(machines, m => output.WriteLine(m.Record.Name));
            else PlainTable.Write([s_heading, .. machines.Select(m => Row(m, result.GetValue(whole)))], output);
            return ExitStatus.Success;
        });
        return command;
    }

    internal static Command CreateInspect()
    {
        DoppelCommand command = new("inspect", "Show all that is known of machines, as JSON.")
        {
            Examples =
            [
                ("doppel inspect web", "what it was started as, and how it is"),
                ("doppel inspect -f '{{.status}} {{.ports.0.hostPort}}' web", "some of it"),
            ],
        };
        Argument<string[]> names = MachineArguments.Several();
        Option<string?> format = MachineArguments.Format("-f");
        command.Arguments.Add(names);
        command.Options.Add(format);
        command.SetAction(result =>
        {
            foreach (MachineFolder folder in (MachineFolder[])[.. result.GetValue(names)!.Select(MachineRegistry.Open().Find)])
            {
                void Write(Utf8JsonWriter json) => WriteOne(json, RecordOf(folder), folder.ReadState(), folder);
                if (result.GetValue(format) is { } text && text != "json") PrintFormatted(text, Write, result.InvocationConfiguration.Output);
                else WriteJson(Write);
            }
            return ExitStatus.Success;
        });
        return command;
    }

    // A machine may be removed while it is looked at; one of which nothing is known any more can still be seen, and removed.
    private static IEnumerable<(MachineRecord Record, MachineState State)> Read() =>
        MachineRegistry.Open().List().Where(static f => f.Exists).Select(static f => (RecordOf(f), f.ReadState()));

    private static MachineRecord RecordOf(MachineFolder folder) =>
        folder.ReadRecord() ?? new MachineRecord { Name = folder.Name, Created = Directory.GetCreationTimeUtc(folder.Path), Image = "?" };

    private static string[] Row((MachineRecord Record, MachineState State) machine, bool whole)
    {
        string command = machine.Record.Command.Count == 0 ? "-" : PlainTable.Cell(string.Join(' ', machine.Record.Command));
        if (!whole && command.Length > CommandWidth) command = command[..(CommandWidth - 1)] + "…";
        return [machine.Record.Name, machine.Record.Image, command, $"{machine.Record.Cpus}", Sizes.Bytes(machine.Record.MemoryBytes), machine.State.Describe(DateTimeOffset.UtcNow),
            machine.State.IsOver ? "" : string.Join(", ", machine.State.Ports.Select(static p => $"{p.Host}->{p.Guest}"))];
    }

    private static void PrintJson(IEnumerable<(MachineRecord Record, MachineState State)> machines) => WriteJson(json =>
    {
        json.WriteStartArray();
        foreach ((MachineRecord record, MachineState state) in machines) WriteOne(json, record, state);
        json.WriteEndArray();
    });

    private static void PrintEach(string format, IEnumerable<(MachineRecord Record, MachineState State)> machines, TextWriter output)
    {
        foreach ((MachineRecord record, MachineState state) in machines) PrintFormatted(format, json => WriteOne(json, record, state), output);
    }

    private static void PrintFormatted(string format, Action<Utf8JsonWriter> write, TextWriter output)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes)) write(json);
        using JsonDocument document = JsonDocument.Parse(bytes.ToArray());
        output.WriteLine(Template.Fill(format, document.RootElement));
    }

    private static void WriteOne(Utf8JsonWriter json, MachineRecord record, MachineState state, MachineFolder? folder = null)
    {
        json.WriteStartObject();
        record.WriteTo(json);
        state.WriteTo(json);
        if (folder is not null) json.WriteString("folder", folder.Path);
        if (folder?.LastMessage is { } message) json.WriteString("lastMessage", message);
        json.WriteEndObject();
    }

    private static void WriteJson(Action<Utf8JsonWriter> write)
    {
        using Stream output = Console.OpenStandardOutput();
        using (Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true })) write(json);
        output.Write("\n"u8);
    }
}
