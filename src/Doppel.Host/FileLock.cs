namespace Doppel.Host;

/// <summary>
/// A lock between processes, and between parts of one: flock(2) on a file. The system takes it back when its holder dies. Thread contract: stateless.
/// </summary>
public static class FileLock
{
    /// <summary>Takes the lock if nobody holds it.</summary>
    /// <param name="path">Path of the file, which is made if need be, and stays.</param>
    /// <returns>The lock, held until it is disposed; null if somebody else holds it.</returns>
    /// <exception cref="IOException">The file cannot be made or opened: the folder is not there, the storage is full or cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The user may not write to it.</exception>
    public static FileStream? TryTake(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e.HResult == Interop.Ewouldblock)
        {
            return null;
        }
    }
}
