using System.Text.Json;
using Doppel.Host.Probes;
using Spectre.Console;

namespace Doppel.Cli.Diagnosis;

/// <summary>The doctor's findings, for people or for machines.</summary>
internal sealed record DoctorReport(IReadOnlyList<Finding> Findings, KvmSpeed? Kvm)
{
    private const int Column = 16;

    internal void WriteTable()
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumns("", "What", "Found");
        foreach (Finding finding in Findings)
        {
            string text = Markup.Escape(finding.Text) + (finding.Advice is null ? "" : $"\n[dim]{Markup.Escape(finding.Advice)}[/]");
            table.AddRow(new Markup(Mark(finding.State)), new Text(finding.Subject), new Markup(text));
        }
        AnsiConsole.Write(table);
    }

    internal void WritePlain(TextWriter output)
    {
        foreach (Finding finding in Findings)
        {
            output.WriteLine($"{finding.Subject.PadRight(Column)}{finding.State.ToString().ToLowerInvariant(),-9}{finding.Text}");
            if (finding.Advice is not null) output.WriteLine($"{"",-Column}{"",-9}{finding.Advice}");
        }
    }

    internal void WriteJson(Stream output)
    {
        using Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteStartArray("findings");
        foreach (Finding finding in Findings)
        {
            json.WriteStartObject();
            json.WriteString("subject", finding.Subject);
            json.WriteString("state", finding.State.ToString().ToLowerInvariant());
            json.WriteString("text", finding.Text);
            if (finding.Advice is not null) json.WriteString("advice", finding.Advice);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (Kvm is not null)
        {
            json.WriteStartObject("kvm");
            json.WriteNumber("nativeLoopNs", Kvm.NativeLoopNs);
            json.WriteNumber("guestLoopNs", Kvm.GuestLoopNs);
            json.WriteNumber("exitNs", Kvm.ExitNs);
            json.WriteBoolean("hardware", Kvm.IsHardware);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static string Mark(FindingState state) => state switch
    {
        FindingState.Good => "[green]ok[/]",
        FindingState.Note => "[yellow]note[/]",
        _ => "[red]no[/]",
    };
}
