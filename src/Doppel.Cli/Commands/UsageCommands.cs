using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Doppel.Agent;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary><c>doppel top</c> and <c>doppel stats</c>.</summary>
internal static class UsageCommands
{
    private const string ClearScreen = "\u001b[H\u001b[2J";
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    internal static Command CreateTop()
    {
        DoppelCommand command = new("top", "List the processes of a machine's guest.") { Examples = [("doppel top web", "as `ps` in the guest would, without it")] };
        Argument<string> name = MachineArguments.One();
        command.Arguments.Add(name);
        command.SetAction(async (result, cancellation) =>
        {
            MachineFolder machine = MachineRegistry.Open().Find(result.GetValue(name)!);
            IReadOnlyList<GuestProcessInfo> processes = await ListAsync(machine, cancellation);
            PlainTable.Write([["PID", "PPID", "UID", "STATE", "TIME", "MEMORY", "COMMAND"], .. processes.Select(Row)], result.InvocationConfiguration.Output);
            return ExitStatus.Success;
        });
        return command;
    }

    internal static Command CreateStats()
    {
        DoppelCommand command = new("stats", "Show what machines use of the host, again and again.")
        {
            Examples = [("doppel stats", "all that run, until Ctrl-C"), ("doppel stats --no-stream web", "once")],
            Notes = ["CPU counts the machine's whole process, 100% being one processor of the host. MEMORY is what the guest's RAM takes of the host, of what it was given."],
        };
        Argument<string[]> names = new(Completion.CompletionScript.MachineArgument) { Description = "Names of machines [default: all that run]", Arity = ArgumentArity.ZeroOrMore };
        Option<bool> once = new("--no-stream") { Description = "Show it once" };
        Option<bool> json = MachineArguments.Json();
        command.Arguments.Add(names);
        command.Options.Add(once);
        command.Options.Add(json);
        command.SetAction((result, cancellation) => ShowAsync(result.GetValue(names) ?? [], (result.GetValue(once), result.GetValue(json)), result.InvocationConfiguration.Output, cancellation));
        return command;
    }

    private static async Task<IReadOnlyList<GuestProcessInfo>> ListAsync(MachineFolder machine, CancellationToken cancellation)
    {
        try
        {
            GuestAgent agent = await MachineClient.AgentAsync(machine, cancellation);
            return await agent.Processes.ListAsync(cancellation);
        }
        catch (GuestAgentException e)
        {
            throw new CliException($"{machine.Name}: {e.Message}", e);
        }
    }

    // A guest may name its processes as it likes, escape sequences included.
    private static string[] Row(GuestProcessInfo process)
    {
        string command = process.CommandLine.Length == 0 ? $"[{process.Name}]" : process.CommandLine;
        return [$"{process.Id}", $"{process.ParentId}", $"{process.UserId}", PlainTable.Cell(process.State.ToString()),
            string.Create(CultureInfo.InvariantCulture, $"{(long)process.ProcessorTime.TotalMinutes}:{process.ProcessorTime.Seconds:00}.{process.ProcessorTime.Milliseconds / 10:00}"),
            Sizes.Bytes(process.ResidentBytes), PlainTable.Cell(command)];
    }

    private static async Task<int> ShowAsync(string[] names, (bool Once, bool Json) how, TextWriter output, CancellationToken cancellation)
    {
        foreach (string name in names) MachineRegistry.Open().Find(name);
        SortedDictionary<string, MachineUsage> before = await MeasureAsync(names, cancellation);
        while (true)
        {
            await Task.Delay(s_interval, cancellation);
            SortedDictionary<string, MachineUsage> now = await MeasureAsync(names, cancellation);
            if (how.Json) PrintJson(before, now, output);
            else PrintTable(before, now, !how.Once && !Console.IsOutputRedirected, output);
            if (how.Once || (names.Length != 0 && now.Count == 0)) return ExitStatus.Success;
            before = now;
        }
    }

    // One that does not answer, because it has ended or begins, is left out.
    private static async Task<SortedDictionary<string, MachineUsage>> MeasureAsync(string[] names, CancellationToken cancellation)
    {
        SortedDictionary<string, MachineUsage> usages = new(StringComparer.Ordinal);
        foreach (MachineFolder machine in MachineRegistry.Open().List().Where(m => names.Length == 0 || names.Contains(m.Name, StringComparer.Ordinal)))
        {
            try
            {
                if (machine.ReadState().IsOver) continue;
                using JsonDocument answer = JsonDocument.Parse(await MachineClient.DoAsync(machine, "usage", cancellation));
                usages[machine.Name] = MachineUsage.Read(answer.RootElement);
            }
            catch (CliException)
            {
                // It is not shown this time.
            }
        }
        return usages;
    }

    private static void PrintTable(SortedDictionary<string, MachineUsage> before, SortedDictionary<string, MachineUsage> now, bool clear, TextWriter output)
    {
        string[][] rows = [["NAME", "CPU", "MEMORY", "DISK READ", "DISK WRITTEN", "PROCESSOR TIME"], .. now.Select(m => Row(m.Key, Find(before, m.Key), m.Value))];
        if (clear) output.Write(ClearScreen);
        PlainTable.Write(rows, output);
    }

    private static string[] Row(string name, MachineUsage? before, MachineUsage now) =>
    [
        name, string.Create(CultureInfo.InvariantCulture, $"{Share(before, now):0.0}%"), $"{Sizes.Bytes(now.HostMemoryBytes)} of {Sizes.Bytes(now.MemoryBytes)}",
        Sizes.Bytes(now.DiskRead), Sizes.Bytes(now.DiskWritten), Sizes.Seconds(now.Processor),
    ];

    private static void PrintJson(SortedDictionary<string, MachineUsage> before, SortedDictionary<string, MachineUsage> now, TextWriter output)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartArray();
            foreach ((string name, MachineUsage usage) in now)
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteNumber("processorPercent", Math.Round(Share(Find(before, name), usage), 1));
                usage.WriteTo(json);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        output.WriteLine(System.Text.Encoding.UTF8.GetString(bytes.ToArray()));
    }

    private static MachineUsage? Find(SortedDictionary<string, MachineUsage> usages, string name) => usages.TryGetValue(name, out MachineUsage? usage) ? usage : null;

    // Percent of a processor since the last look.
    private static double Share(MachineUsage? before, MachineUsage now)
    {
        if (before is null) return 0;
        double seconds = Math.Max(s_interval.TotalSeconds, (now.Running - before.Running).TotalSeconds);
        return Math.Max(0, (now.Processor - before.Processor).TotalSeconds) / seconds * 100;
    }
}
