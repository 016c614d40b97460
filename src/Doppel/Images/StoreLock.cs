namespace Doppel.Images;

/// <summary>
/// The right to change a store, held by one process at a time. The operating system takes it back when the holder dies, so a crash
/// leaves nothing locked. Thread contract: a holder may be disposed by any thread.
/// </summary>
internal sealed class StoreLock : IDisposable
{
    private static readonly TimeSpan s_retryInterval = TimeSpan.FromMilliseconds(100);
    private readonly FileStream _file;

    private StoreLock(FileStream file) => _file = file;

    /// <summary>Waits for the lock of a store.</summary>
    /// <param name="root">Folder of the store; made if need be.</param>
    /// <param name="waiting">Called once if another process holds it.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<StoreLock> TakeAsync(string root, Action waiting, CancellationToken cancellation)
    {
        Directory.CreateDirectory(root);
        string path = Path.Combine(root, "lock");
        for (bool first = true; ; first = false)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                return new StoreLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException))
            {
                if (first) waiting();
                await Task.Delay(s_retryInterval, cancellation).ConfigureAwait(false);
            }
        }
    }

    public void Dispose() => _file.Dispose();
}
