namespace Doppel.Disks;

/// <summary>Checks what can be known about configured disks without opening a file. Thread contract: stateless.</summary>
internal static class DiskRules
{
    /// <summary>Adds one sentence for people for each thing that is wrong.</summary>
    public static void Check(IReadOnlyList<DiskConfig> disks, List<string> problems)
    {
        foreach (DiskConfig disk in disks)
        {
            if (disk.Queues is < 1 or > DiskConfig.MaxQueues)
                problems.Add($"--disk {disk.Path}: {disk.Queues} queues; give from 1 to {DiskConfig.MaxQueues}");
            if (disk.Serial is { } serial && (serial.Length > DiskConfig.MaxSerial || serial.Any(static c => c is < '!' or > '~')))
                problems.Add($"--disk {disk.Path}: a serial number is at most {DiskConfig.MaxSerial} letters, digits and signs");
            DiskLimits limits = disk.Limits;
            long[] all = [limits.Requests, limits.Reads, limits.Writes, limits.Bytes, limits.ReadBytes, limits.WrittenBytes];
            if (all.Min() < 0) problems.Add($"--disk {disk.Path}: a limit is below zero; zero is none");
            if (limits.Burst < TimeSpan.Zero || limits.Burst > TimeSpan.FromHours(1))
                problems.Add($"--disk {disk.Path}: a burst is no longer than an hour");
        }
    }
}
