namespace Doppel.Cli.Machines;

/// <summary>
/// A log that a guest can not fill the disk with: when it is full, it becomes <c>NAME.1</c>, in place of the one before, and a new one begins.
/// Thread contract: any thread.
/// </summary>
internal sealed class BoundedLog : IDisposable
{
    private const long MostBytes = 16 << 20;

    private readonly Lock _gate = new();
    private readonly Func<string> _path;
    private readonly long _most;
    private FileStream _file;
    private bool _closed;

    /// <summary>Opens a log, and goes on with what it holds.</summary>
    /// <param name="path">Where it is now; asked again when it is full, because a machine may be renamed.</param>
    /// <param name="most">Bytes that fill it.</param>
    internal BoundedLog(Func<string> path, long most = MostBytes)
    {
        _path = path;
        _most = most;
        _file = Open(path());
    }

    /// <summary>Adds bytes. A disk that is full loses them; the machine goes on.</summary>
    internal void Write(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (_closed) return;
            try
            {
                if (_file.Length + bytes.Length > _most && _file.Length != 0) Turn();
                _file.Write(bytes);
                _file.Flush();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Nowhere to say it: this is the log.
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            _file.Dispose();
        }
    }

    private void Turn()
    {
        string path = _path();
        File.Move(path, path + ".1", overwrite: true);
        // If there can be no new one, what follows still has the old one to go to.
        FileStream next = Open(path);
        _file.Dispose();
        _file = next;
    }

    private static FileStream Open(string path) => new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
}
