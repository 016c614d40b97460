namespace Doppel.Images;

/// <summary>Disks of machines that run: whoever made one deletes it; what was left by a process that died goes when the next one is made.</summary>
internal static class ScratchFolder
{
    /// <summary>A path for a new disk.</summary>
    public static string NewPath(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(folder)) DeleteIfLeft(file);
        return Path.Combine(folder, $"{Environment.ProcessId}-{Path.GetRandomFileName()}");
    }

    // A disk in use is locked; one that is being made belongs to a process that lives.
    private static void DeleteIfLeft(string file)
    {
        if (int.TryParse(Path.GetFileName(file).Split('-')[0], out int process) && IsAlive(process)) return;
        try
        {
            using (new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None)) File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // In use, or somebody else was faster.
        }
    }

    private static bool IsAlive(int process)
    {
        try
        {
            using var found = System.Diagnostics.Process.GetProcessById(process);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
