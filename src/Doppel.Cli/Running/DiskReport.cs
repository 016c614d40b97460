using System.Globalization;
using System.Text.Json;
using Doppel.Cli.Output;

namespace Doppel.Cli.Running;

/// <summary>What a guest has done with its disks, for people or for machines.</summary>
internal static class DiskReport
{
    internal static IEnumerable<(string Name, string Value)> Rows(DiskStatistics disk)
    {
        string name = Path.GetFileName(disk.Path);
        foreach ((string kind, DiskCount count) in Kinds(disk))
        {
            if (count.Requests == 0) continue;
            string bytes = count.Bytes == 0 ? "" : $", {Sizes.Bytes(count.Bytes)}";
            string mean = string.Create(CultureInfo.InvariantCulture, $"{count.Time.TotalMicroseconds / count.Requests:0} us each");
            yield return ($"{name}: {kind}", $"{Sizes.Count(count.Requests)}{bytes}, {mean}");
        }
    }

    internal static void Write(Utf8JsonWriter json, IReadOnlyList<DiskStatistics> disks)
    {
        json.WriteStartArray("disks");
        foreach (DiskStatistics disk in disks)
        {
            json.WriteStartObject();
            json.WriteString("path", disk.Path);
            foreach ((string kind, DiskCount count) in Kinds(disk))
            {
                json.WriteStartObject(kind);
                json.WriteNumber("requests", count.Requests);
                json.WriteNumber("bytes", count.Bytes);
                json.WriteNumber("seconds", count.Time.TotalSeconds);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static (string Kind, DiskCount Count)[] Kinds(DiskStatistics disk) =>
        [("reads", disk.Reads), ("writes", disk.Writes), ("flushes", disk.Flushes), ("discards", disk.Discards), ("failures", disk.Failures)];
}
