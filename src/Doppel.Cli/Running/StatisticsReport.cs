using System.Globalization;
using System.Text.Json;
using Doppel.Cli.Output;
using Doppel.Cli.Translation;
using Spectre.Console;

namespace Doppel.Cli.Running;

/// <summary>The counters of a machine that has ended, for people or for machines; always on standard error.</summary>
internal static class StatisticsReport
{
    private const int Column = 28;

    internal static void Print(VirtualMachineStatistics statistics, bool json)
    {
        if (json) PrintJson(statistics);
        else if (Console.IsErrorRedirected) PrintPlain(statistics);
        else PrintTable(statistics);
    }

    internal static IEnumerable<(string Name, string Value)> Rows(VirtualMachineStatistics s)
    {
        yield return ("engine", s.Engine);
        yield return ("guest instructions", Sizes.Count(s.Instructions));
        yield return ("speed", string.Create(CultureInfo.InvariantCulture, $"{s.Mips:0.0} MIPS"));
        yield return ("time", Sizes.Seconds(s.Elapsed));
        yield return ("processor time", Sizes.Seconds(s.ProcessorTime));
        yield return ("first kernel line after", s.TimeToKernel is { } kernel ? Sizes.Seconds(kernel) : "-");
        yield return ("/init after", s.TimeToInit is { } init ? Sizes.Seconds(init) : "-");
        yield return ("peak memory", Sizes.Bytes(s.PeakMemoryBytes));
        yield return ("memory beyond guest RAM", Sizes.Bytes(s.OverheadBytes));
        foreach ((string, string) row in TranslationReport.Rows(s.Translation)) yield return row;
        if (s.Reboots > 0) yield return ("reboots", s.Reboots.ToString(CultureInfo.InvariantCulture));
        foreach (DiskStatistics disk in s.Disks)
        {
            foreach ((string, string) row in DiskReport.Rows(disk)) yield return row;
        }
        foreach ((string cause, ulong count) in s.Exits) yield return (cause, Sizes.Count(count));
    }

    private static void PrintPlain(VirtualMachineStatistics statistics)
    {
        foreach ((string name, string value) in Rows(statistics)) Console.Error.WriteLine($"{name,-Column} {value}");
    }

    private static void PrintTable(VirtualMachineStatistics statistics)
    {
        Table table = new Table().Border(TableBorder.Rounded).HideHeaders().AddColumn("name").AddColumn(new TableColumn("value").RightAligned());
        foreach ((string name, string value) in Rows(statistics)) table.AddRow(Markup.Escape(name), Markup.Escape(value));
        ErrorConsole.Create().Write(table);
    }

    private static void PrintJson(VirtualMachineStatistics s)
    {
        using Stream output = Console.OpenStandardError();
        using (Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("engine", s.Engine);
            json.WriteNumber("instructions", s.Instructions);
            json.WriteNumber("mips", Math.Round(s.Mips, 3));
            json.WriteNumber("elapsedSeconds", s.Elapsed.TotalSeconds);
            json.WriteNumber("processorSeconds", s.ProcessorTime.TotalSeconds);
            if (s.TimeToKernel is { } kernel) json.WriteNumber("firstKernelLineSeconds", kernel.TotalSeconds);
            if (s.TimeToInit is { } init) json.WriteNumber("initSeconds", init.TotalSeconds);
            json.WriteNumber("peakMemoryBytes", s.PeakMemoryBytes);
            json.WriteNumber("overheadBytes", s.OverheadBytes);
            TranslationReport.Write(json, s.Translation);
            json.WriteNumber("reboots", s.Reboots);
            DiskReport.Write(json, s.Disks);
            json.WriteStartObject("exits");
            foreach ((string cause, ulong count) in s.Exits) json.WriteNumber(cause, count);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        output.Write("\n"u8);
    }
}
