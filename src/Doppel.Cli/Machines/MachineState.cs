using System.Globalization;
using System.Text.Json;
using Doppel.Host;

namespace Doppel.Cli.Machines;

/// <summary>What a named machine was started as; written once.</summary>
internal sealed record MachineRecord
{
    internal required string Name { get; init; }

    internal required DateTimeOffset Created { get; init; }

    /// <summary>Name of the image, or of the kernel's file.</summary>
    internal string Image { get; init; } = "";

    internal IReadOnlyList<string> Command { get; init; } = [];

    internal int Cpus { get; init; } = 1;

    internal int CpuWeight { get; init; } = CpuShareConfig.Default.Weight;

    /// <summary>Most processors' worth of time; null for no limit.</summary>
    internal double? CpuLimit { get; init; }

    /// <summary>Host processors that it runs on; empty for all.</summary>
    internal IReadOnlyList<int> Pinned { get; init; } = [];

    internal ulong MemoryBytes { get; init; }

    internal string Engine { get; init; } = "";

    /// <summary>The whole command line that started it.</summary>
    internal IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Folder of the host that it was started in, from which paths in <see cref="Arguments"/> begin.</summary>
    internal string Folder { get; init; } = "";

    /// <summary>True if nothing of it stays once it has ended.</summary>
    internal bool AutoRemove { get; init; }

    internal void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("name", Name);
        json.WriteString("created", Created);
        json.WriteString("image", Image);
        WriteList(json, "command", Command);
        json.WriteNumber("cpus", Cpus);
        json.WriteNumber("cpuWeight", CpuWeight);
        if (CpuLimit is { } limit) json.WriteNumber("cpuLimit", limit);
        json.WriteStartArray("pinned");
        foreach (int processor in Pinned) json.WriteNumberValue(processor);
        json.WriteEndArray();
        json.WriteNumber("memoryBytes", MemoryBytes);
        json.WriteString("engine", Engine);
        WriteList(json, "arguments", Arguments);
        json.WriteString("startedIn", Folder);
        json.WriteBoolean("autoRemove", AutoRemove);
    }

    internal static MachineRecord Read(JsonElement json) => new()
    {
        Name = json.GetProperty("name").GetString()!,
        Created = json.GetProperty("created").GetDateTimeOffset(),
        Image = json.GetProperty("image").GetString()!,
        Command = ReadList(json, "command"),
        Cpus = json.GetProperty("cpus").GetInt32(),
        CpuWeight = json.TryGetProperty("cpuWeight", out JsonElement weight) ? weight.GetInt32() : CpuShareConfig.Default.Weight,
        CpuLimit = json.TryGetProperty("cpuLimit", out JsonElement limit) ? limit.GetDouble() : null,
        Pinned = json.TryGetProperty("pinned", out JsonElement pinned) ? [.. pinned.EnumerateArray().Select(static n => n.GetInt32())] : [],
        MemoryBytes = json.GetProperty("memoryBytes").GetUInt64(),
        Engine = json.GetProperty("engine").GetString()!,
        Arguments = ReadList(json, "arguments"),
        Folder = json.TryGetProperty("startedIn", out JsonElement folder) ? folder.GetString()! : "",
        AutoRemove = json.GetProperty("autoRemove").GetBoolean(),
    };

    private static void WriteList(Utf8JsonWriter json, string name, IReadOnlyList<string> list)
    {
        json.WriteStartArray(name);
        foreach (string text in list) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static string[] ReadList(JsonElement json, string name) => [.. json.GetProperty(name).EnumerateArray().Select(static e => e.GetString()!)];
}

/// <summary>A port of the host that leads to a port of a machine's guest.</summary>
internal sealed record MachinePort(string HostAddress, int HostPort, int GuestPort, string Protocol)
{
    /// <summary>The port of the guest, as in <c>80/tcp</c>.</summary>
    internal string Guest => string.Create(CultureInfo.InvariantCulture, $"{GuestPort}/{Protocol}");

    /// <summary>The port of the host, as in <c>127.0.0.1:8080</c>.</summary>
    internal string Host => string.Create(CultureInfo.InvariantCulture, $"{(HostAddress.Contains(':', StringComparison.Ordinal) ? $"[{HostAddress}]" : HostAddress)}:{HostPort}");

    /// <summary>True if somebody means this one by its port of the host: <c>8080</c>, <c>127.0.0.1:8080</c>, <c>5353/udp</c>.</summary>
    internal bool IsMeantBy(string text)
    {
        string ending = "/" + Protocol;
        string place = text.EndsWith(ending, StringComparison.Ordinal) ? text[..^ending.Length] : Protocol == "tcp" ? text : "";
        return place == Host || place == HostPort.ToString(CultureInfo.InvariantCulture);
    }

    internal static MachinePort Of(VirtualMachinePublishedPort port) => new(port.HostAddress, port.HostPort, port.GuestPort, port.IsUdp ? "udp" : "tcp");

    internal void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("hostAddress", HostAddress);
        json.WriteNumber("hostPort", HostPort);
        json.WriteNumber("guestPort", GuestPort);
        json.WriteString("protocol", Protocol);
        json.WriteEndObject();
    }

    internal static MachinePort Read(JsonElement json) => new(
        json.GetProperty("hostAddress").GetString()!, json.GetProperty("hostPort").GetInt32(), json.GetProperty("guestPort").GetInt32(),
        json.GetProperty("protocol").GetString()!);
}

/// <summary>How a machine ended once.</summary>
/// <param name="Status">Its exit status.</param>
/// <param name="Reason">Why, for people.</param>
internal sealed record MachineEnd(int Status, string Reason)
{
    /// <summary>True if somebody had asked for it.</summary>
    internal bool IsWish { get; init; }

    /// <summary>How long it ran before.</summary>
    internal TimeSpan Life { get; init; }
}

/// <summary>How a named machine is.</summary>
internal enum MachineStatus
{
    /// <summary>Its process prepares it.</summary>
    Starting,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>Its guest stands still.</summary>
    Paused,

    /// <summary>It has ended, and its process is about to start it again.</summary>
    Restarting,

    /// <summary>It has ended, and its process has said how.</summary>
    Exited,

    /// <summary>Its process is gone without a word.</summary>
    Dead,
}

/// <summary>The changing part: written by the machine's process, replaced in one step.</summary>
internal sealed record MachineState
{
    internal required MachineStatus Status { get; init; }

    internal ProcessIdentity Process { get; init; }

    internal DateTimeOffset? Started { get; init; }

    internal DateTimeOffset? Finished { get; init; }

    internal int ExitCode { get; init; }

    /// <summary>How often it has started again after an end, by its restart policy.</summary>
    internal int Restarts { get; init; }

    /// <summary>Ports of the host that lead to the guest.</summary>
    internal IReadOnlyList<MachinePort> Ports { get; init; } = [];

    /// <summary>Why it ended, for people.</summary>
    internal string Reason { get; init; } = "";

    internal bool IsOver => Status is MachineStatus.Exited or MachineStatus.Dead;

    internal static string Word(MachineStatus status) => status.ToString().ToLowerInvariant();

    internal void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("status", Word(Status));
        json.WriteNumber("pid", Process.Id);
        json.WriteNumber("pidStart", Process.StartTicks);
        if (Started is { } started) json.WriteString("started", started);
        if (Finished is { } finished) json.WriteString("finished", finished);
        json.WriteNumber("exitCode", ExitCode);
        json.WriteString("reason", Reason);
        json.WriteNumber("restarts", Restarts);
        json.WriteStartArray("ports");
        foreach (MachinePort port in Ports) port.WriteTo(json);
        json.WriteEndArray();
    }

    internal static MachineState Read(JsonElement json) => new()
    {
        Status = Enum.Parse<MachineStatus>(json.GetProperty("status").GetString()!, ignoreCase: true),
        Process = new ProcessIdentity(json.GetProperty("pid").GetInt32(), json.GetProperty("pidStart").GetInt64()),
        Started = json.TryGetProperty("started", out JsonElement started) ? started.GetDateTimeOffset() : null,
        Finished = json.TryGetProperty("finished", out JsonElement finished) ? finished.GetDateTimeOffset() : null,
        ExitCode = json.GetProperty("exitCode").GetInt32(),
        Reason = json.GetProperty("reason").GetString()!,
        Restarts = json.TryGetProperty("restarts", out JsonElement restarts) ? restarts.GetInt32() : 0,
        Ports = [.. json.GetProperty("ports").EnumerateArray().Select(MachinePort.Read)],
    };

    /// <summary>What <c>ps</c> says, as in "Up 3 minutes" or "Exited (0) 2 hours ago".</summary>
    internal string Describe(DateTimeOffset now) => Status switch
    {
        MachineStatus.Running => $"Up {Ago(now - Started)}",
        MachineStatus.Paused => $"Up {Ago(now - Started)} (paused)",
        MachineStatus.Restarting => string.Create(CultureInfo.InvariantCulture, $"Restarting ({ExitCode}) {Ago(now - Finished)} ago"),
        MachineStatus.Exited => string.Create(CultureInfo.InvariantCulture, $"Exited ({ExitCode}) {Ago(now - Finished)} ago"),
        MachineStatus.Dead => $"Dead: {Reason}",
        _ => "Starting",
    };

    internal static string Ago(TimeSpan? time) => time switch
    {
        null => "?",
        { TotalSeconds: < 60 } t => Count((int)Math.Max(0, t.TotalSeconds), "second"),
        { TotalMinutes: < 60 } t => Count((int)t.TotalMinutes, "minute"),
        { TotalHours: < 48 } t => Count((int)t.TotalHours, "hour"),
        { } t => Count((int)t.TotalDays, "day"),
    };

    private static string Count(int number, string unit) => string.Create(CultureInfo.InvariantCulture, $"{number} {unit}{(number == 1 ? "" : "s")}");
}
