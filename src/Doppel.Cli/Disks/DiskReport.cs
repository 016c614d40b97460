using System.Globalization;
using System.Text.Json;
using Doppel.Cli.Output;
using Doppel.Disks;

namespace Doppel.Cli.Disks;

/// <summary>Prints what is known of images, for people and, with the names that <c>qemu-img</c> uses, for scripts.</summary>
internal static class DiskReport
{
    internal static void Print(DiskInformation disk, TextWriter output)
    {
        output.WriteLine($"image           {disk.Path}");
        output.WriteLine($"format          {disk.Format}");
        output.WriteLine($"virtual size    {Sizes.Bytes(disk.VirtualSize)} ({disk.VirtualSize} bytes)");
        if (disk.FileSize is { } size) output.WriteLine($"size on disk    {Sizes.Bytes(size)}");
        if (disk.ClusterSize is { } cluster) output.WriteLine($"cluster size    {Sizes.Bytes(cluster)}");
        if (disk.Backing is { } backing)
        {
            string actual = disk.FullBacking == backing ? "" : $" (actual path: {disk.FullBacking})";
            output.WriteLine(Printable.Of($"backing file    {backing}{actual}"));
            output.WriteLine(Printable.Of($"backing format  {disk.BackingFormat ?? "not recorded"}"));
        }
        if (disk.Qcow2 is not { } more) return;
        output.WriteLine($"version         {more.Version} (compat {Compat(more)})");
        output.WriteLine($"compression     {more.Compression}");
        output.WriteLine($"refcounts       {more.RefcountBits} bits{(more.LazyRefcounts ? ", lazy" : "")}");
        if (more.IsDirty) output.WriteLine("state           was not closed; repair with `doppel disk check --repair`");
        if (more.IsCorrupt) output.WriteLine("state           damaged; repair with `doppel disk check --repair`");
        foreach (DiskInformation.Snapshot s in more.Snapshots)
        {
            string time = s.Time.ToString("u", CultureInfo.InvariantCulture);
            output.WriteLine(Printable.Of($"snapshot        {s.Id}  {s.Name}  {time}  {Sizes.Bytes(s.StateBytes)} of state"));
        }
    }

    internal static void PrintJson(IReadOnlyList<DiskInformation> chain, bool isList, Stream output) => Write(output, json =>
    {
        if (isList) json.WriteStartArray();
        foreach (DiskInformation disk in chain) WriteDisk(json, disk);
        if (isList) json.WriteEndArray();
    });

    internal static void PrintJson(string path, DiskCheck check, Stream output) => Write(output, json =>
    {
        json.WriteStartObject();
        json.WriteString("filename", path);
        json.WriteString("format", "qcow2");
        json.WriteNumber("check-errors", 0);
        json.WriteNumber("corruptions", check.Corruptions);
        json.WriteNumber("leaks", check.Leaks);
        json.WriteNumber("image-end-offset", check.ImageEnd);
        json.WriteNumber("total-clusters", check.TotalClusters);
        json.WriteNumber("allocated-clusters", check.AllocatedClusters);
        json.WriteNumber("compressed-clusters", check.CompressedClusters);
        json.WriteStartArray("problems");
        foreach (string problem in check.Problems) json.WriteStringValue(problem);
        json.WriteEndArray();
        json.WriteEndObject();
    });

    internal static void PrintJson(IEnumerable<DiskExtent> extents, Stream output) => Write(output, json =>
    {
        json.WriteStartArray();
        foreach (DiskExtent extent in extents)
        {
            json.WriteStartObject();
            json.WriteNumber("start", extent.Start);
            json.WriteNumber("length", extent.Length);
            json.WriteNumber("depth", extent.Depth);
            json.WriteBoolean("zero", extent.IsZero);
            json.WriteBoolean("data", !extent.IsZero);
            if (extent.FileOffset is { } offset) json.WriteNumber("offset", offset);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    private static void WriteDisk(Utf8JsonWriter json, DiskInformation disk)
    {
        json.WriteStartObject();
        json.WriteString("filename", disk.Path);
        json.WriteString("format", disk.Format);
        json.WriteNumber("virtual-size", disk.VirtualSize);
        if (disk.FileSize is { } size) json.WriteNumber("actual-size", size);
        if (disk.ClusterSize is { } cluster) json.WriteNumber("cluster-size", cluster);
        if (disk.Backing is not null) json.WriteString("backing-filename", disk.Backing);
        if (disk.FullBacking is not null) json.WriteString("full-backing-filename", disk.FullBacking);
        if (disk.BackingFormat is not null) json.WriteString("backing-filename-format", disk.BackingFormat);
        json.WriteBoolean("dirty-flag", disk.Qcow2 is { IsDirty: true });
        if (disk.Qcow2 is { } more) WriteQcow2(json, more);
        json.WriteEndObject();
    }

    private static void WriteQcow2(Utf8JsonWriter json, DiskInformation.OfQcow2 more)
    {
        json.WriteStartArray("snapshots");
        foreach (DiskInformation.Snapshot snapshot in more.Snapshots)
        {
            json.WriteStartObject();
            json.WriteString("id", snapshot.Id);
            json.WriteString("name", snapshot.Name);
            json.WriteNumber("date-sec", snapshot.Time.ToUnixTimeSeconds());
            json.WriteNumber("vm-state-size", snapshot.StateBytes);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartObject("format-specific");
        json.WriteString("type", "qcow2");
        json.WriteStartObject("data");
        json.WriteString("compat", Compat(more));
        json.WriteString("compression-type", more.Compression);
        json.WriteBoolean("lazy-refcounts", more.LazyRefcounts);
        json.WriteNumber("refcount-bits", more.RefcountBits);
        json.WriteBoolean("corrupt", more.IsCorrupt);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    // The version of QEMU that could first read it, which is how people know it.
    private static string Compat(DiskInformation.OfQcow2 more) => more.Version == 2 ? "0.10" : "1.1";

    private static void Write(Stream output, Action<Utf8JsonWriter> write)
    {
        using (Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true })) write(json);
        output.Write("\n"u8);
    }
}
