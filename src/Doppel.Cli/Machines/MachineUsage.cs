using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Doppel.Cli.Machines;

/// <summary>What a machine has used of the host up to now. It travels as one line of JSON.</summary>
internal sealed record MachineUsage(
    TimeSpan Processor, TimeSpan Running, ulong Instructions, ulong MemoryBytes, ulong HostMemoryBytes, ulong DiskRead, ulong DiskWritten)
{
    /// <summary>The line that <see cref="Read"/> reads.</summary>
    internal static string Describe(VirtualMachineStatistics statistics, ulong memoryBytes, ulong hostBytes)
    {
        MachineUsage usage = new(statistics.ProcessorTime, statistics.Elapsed, statistics.Instructions, memoryBytes, hostBytes,
            statistics.Disks.Aggregate(0UL, static (sum, d) => sum + d.Reads.Bytes), statistics.Disks.Aggregate(0UL, static (sum, d) => sum + d.Writes.Bytes));
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            usage.WriteTo(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    internal static MachineUsage Read(JsonElement json) => new(
        TimeSpan.FromSeconds(json.GetProperty("processorSeconds").GetDouble()), TimeSpan.FromSeconds(json.GetProperty("runningSeconds").GetDouble()),
        json.GetProperty("instructions").GetUInt64(), json.GetProperty("memoryBytes").GetUInt64(), json.GetProperty("hostMemoryBytes").GetUInt64(),
        json.GetProperty("diskReadBytes").GetUInt64(), json.GetProperty("diskWrittenBytes").GetUInt64());

    internal void WriteTo(Utf8JsonWriter json)
    {
        json.WriteNumber("processorSeconds", Processor.TotalSeconds);
        json.WriteNumber("runningSeconds", Running.TotalSeconds);
        json.WriteNumber("instructions", Instructions);
        json.WriteNumber("memoryBytes", MemoryBytes);
        json.WriteNumber("hostMemoryBytes", HostMemoryBytes);
        json.WriteNumber("diskReadBytes", DiskRead);
        json.WriteNumber("diskWrittenBytes", DiskWritten);
    }
}
