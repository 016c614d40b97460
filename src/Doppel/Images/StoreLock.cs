using Doppel.Host;

namespace Doppel.Images;

/// <summary>
/// The right to change a store, held by one process at a time. The operating system takes it back when the holder dies, so a crash
/// leaves nothing locked. Thread contract: a holder may be disposed by any thread.
/// </summary>
internal sealed class StoreLock : IDisposable
{
    /// <summary>Name of its file in the store.</summary>
    public const string FileName = "lock";

    private static readonly TimeSpan s_retryInterval = TimeSpan.FromMilliseconds(100);
    private readonly FileStream _file;

    private StoreLock(FileStream file) => _file = file;

    /// <summary>Waits for the lock of a store.</summary>
    /// <param name="root">Folder of the store; made if need be.</param>
    /// <param name="waiting">Called once if another process holds it.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    /// <exception cref="UnauthorizedAccessException">It belongs to somebody else.</exception>
    public static async Task<StoreLock> TakeAsync(string root, Action waiting, CancellationToken cancellation)
    {
        Directory.CreateDirectory(root);
        string path = Path.Combine(root, FileName);
        for (bool first = true; ; first = false)
        {
            cancellation.ThrowIfCancellationRequested();
            if (FileLock.TryTake(path) is { } file) return new StoreLock(file);
            if (first) waiting();
            await Task.Delay(s_retryInterval, cancellation).ConfigureAwait(false);
        }
    }

    public void Dispose() => _file.Dispose();
}
