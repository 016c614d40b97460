using System.Globalization;

namespace Doppel.Host;

/// <summary>Finds out who has locked a file, for messages. Thread contract: static, no state.</summary>
internal static class HostFileHolder
{
    internal const string ThisProcess = "this process already";

    private const int LongestCommand = 100;

    /// <summary>Names the program that has locked a file, as far as the host tells.</summary>
    internal static string Describe(string path)
    {
        try
        {
            return Find(path) switch
            {
                0 => "another program",
                var id when id == Environment.ProcessId => ThisProcess,
                var id => $"process {id}{Command(id)}",
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "another program";
        }
    }

    // proc_locks(5): number, kind, "ADVISORY", access, process, device and inode, range. A second word "->" marks one who waits.
    private static int Find(string path)
    {
        string key = Key(path);
        foreach (string line in File.ReadLines("/proc/locks"))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 6 || words[1] != "FLOCK" || words[5] != key) continue;
            return int.TryParse(words[4], CultureInfo.InvariantCulture, out int id) ? Math.Max(id, 0) : 0;
        }
        return 0;
    }

    private static string Key(string path)
    {
        byte[] status = new byte[Interop.StatxBytes];
        // SAFETY: the buffer has the size of struct statx, which is the same on all architectures.
        unsafe
        {
            fixed (byte* pointer = status) _ = Interop.Statx(Interop.AtFdcwd, path, 0, Interop.StatxInode, pointer);
        }
        int major = BitConverter.ToInt32(status, Interop.StatxDeviceMajorOffset);
        int minor = BitConverter.ToInt32(status, Interop.StatxDeviceMinorOffset);
        ulong inode = BitConverter.ToUInt64(status, Interop.StatxInodeOffset);
        return string.Create(CultureInfo.InvariantCulture, $"{major:x2}:{minor:x2}:{inode}");
    }

    private static string Command(int id)
    {
        string[] words = File.ReadAllText($"/proc/{id}/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length > 1 && Path.GetFileName(words[0]) == "dotnet") words = words[1..];
        if (words.Length == 0) return "";
        words[0] = Path.GetFileNameWithoutExtension(words[0]);
        string command = string.Concat(string.Join(' ', words).Select(static c => char.IsControl(c) ? '?' : c));
        return $" ({(command.Length > LongestCommand ? command[..LongestCommand] + "..." : command)})";
    }
}
