using Doppel.Host;

namespace Doppel.Agent;

/// <summary>
/// The files of a guest. Paths of the guest are absolute, or are taken from its root folder. Thread contract: all members from any thread.
/// </summary>
public sealed class GuestFileSystem
{
    private const UnixFileMode PlainMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const int Piece = 32 << 10, MostEntries = 1 << 22, DefaultMaxBytes = 256 << 20;

    private readonly Func<CancellationToken, Task<AgentConnection>> _connect;

    internal GuestFileSystem(Func<CancellationToken, Task<AgentConnection>> connect) => _connect = connect;

    /// <summary>Tells what a file is; a link at the end of the path is followed.</summary>
    /// <returns>Null if there is none.</returns>
    /// <exception cref="GuestAgentException">The guest refuses, or is gone.</exception>
    public async Task<GuestFileInfo?> FindAsync(string path, CancellationToken cancellationToken = default)
    {
        try
        {
            AgentPull pull = await PullAsync(path, AgentPull.Options.NoContent | AgentPull.Options.FollowLink, cancellationToken).ConfigureAwait(false);
            GuestFileInfo? found = null;
            await UseAsync(pull, async () =>
            {
                while (await pull.NextAsync(cancellationToken).ConfigureAwait(false) is { } piece) found ??= piece.Entry;
            }).ConfigureAwait(false);
            return found;
        }
        catch (GuestAgentException e) when (e.ErrorNumber is 2 or 20)
        {
            return null;
        }
    }

    /// <summary>Lists a folder and all below it.</summary>
    /// <exception cref="GuestAgentException">The guest refuses, is gone, or names more than four million files.</exception>
    public async Task<IReadOnlyList<GuestFileInfo>> ListAsync(string path, CancellationToken cancellationToken = default)
    {
        const AgentPull.Options Options = AgentPull.Options.Recursive | AgentPull.Options.NoContent | AgentPull.Options.FollowLink;
        AgentPull pull = await PullAsync(path, Options, cancellationToken).ConfigureAwait(false);
        List<GuestFileInfo> entries = [];
        await UseAsync(pull, async () =>
        {
            while (await pull.NextAsync(cancellationToken).ConfigureAwait(false) is { } piece)
            {
                if (piece.Entry is { Path.Length: > 0 } entry) entries.Add(entry);
                if (entries.Count > MostEntries) throw new GuestAgentException($"The guest has more than {MostEntries} files in {path}.");
            }
        }).ConfigureAwait(false);
        return entries;
    }

    /// <summary>Reads a file.</summary>
    /// <param name="path">Path in the guest.</param>
    /// <param name="destination">Receives its bytes.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="GuestAgentException">The guest refuses, or is gone.</exception>
    public async Task ReadAsync(string path, Stream destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        AgentPull pull = await PullAsync(path, AgentPull.Options.FollowLink, cancellationToken).ConfigureAwait(false);
        await UseAsync(pull, async () =>
        {
            while (await NextOfFileAsync(pull, path, cancellationToken).ConfigureAwait(false) is { } piece)
                await destination.WriteAsync(piece, cancellationToken).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    /// <summary>Reads a whole file of at most 256 MiB into memory.</summary>
    /// <param name="path">Path in the guest.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="GuestAgentException">The guest refuses, is gone, or sends more than that.</exception>
    public Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken = default) => ReadAsync(path, DefaultMaxBytes, cancellationToken);

    /// <summary>Reads a whole file into memory.</summary>
    /// <param name="path">Path in the guest.</param>
    /// <param name="maxBytes">Most bytes that are taken, whatever the guest says of the file.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="GuestAgentException">The guest refuses, is gone, or sends more than that.</exception>
    public async Task<byte[]> ReadAsync(string path, int maxBytes, CancellationToken cancellationToken = default)
    {
        using MemoryStream bytes = new();
        AgentPull pull = await PullAsync(path, AgentPull.Options.FollowLink, cancellationToken).ConfigureAwait(false);
        await UseAsync(pull, async () =>
        {
            while (await NextOfFileAsync(pull, path, cancellationToken).ConfigureAwait(false) is { } piece)
            {
                if (bytes.Length + piece.Length > maxBytes) throw new GuestAgentException($"{path} is longer than {maxBytes} bytes.");
                bytes.Write(piece);
            }
        }).ConfigureAwait(false);
        return bytes.ToArray();
    }

    /// <summary>Writes a file, in place of one that is there.</summary>
    /// <param name="path">Path in the guest; its folder must be there.</param>
    /// <param name="content">The bytes.</param>
    /// <param name="mode">Permissions.</param>
    /// <param name="cancellationToken">Gives up; part of the file may be written.</param>
    /// <exception cref="GuestAgentException">The guest refuses, or is gone.</exception>
    public Task WriteAsync(string path, ReadOnlyMemory<byte> content, UnixFileMode mode = PlainMode, CancellationToken cancellationToken = default) =>
        PushAsync(path, async input =>
        {
            // Without a time of its own the file gets the guest's.
            await SendEntryAsync(input, new GuestFileInfo("", GuestFileKind.File, mode, content.Length), cancellationToken).ConfigureAwait(false);
            await input.SendAsync(AgentFrameType.Data, content, Piece, cancellationToken).ConfigureAwait(false);
        }, cancellationToken);

    /// <summary>
    /// Copies a file, or a folder and all below it, into the guest, where it belongs to root. Links below the folder are copied as they are;
    /// pipes, sockets and devices are left out.
    /// </summary>
    /// <param name="source">Path on the host. With <c>/.</c> at the end it is what a folder has in it, and not the folder.</param>
    /// <param name="destination">Path in the guest. Where a folder is there, the copy goes into it, under its own name, as with <c>cp</c>.</param>
    /// <param name="cancellationToken">Gives up; part of the copy may be there.</param>
    /// <exception cref="GuestAgentException">The guest refuses, or is gone.</exception>
    /// <exception cref="IOException">The host cannot read the source, or it is a pipe, a socket or a device.</exception>
    public Task CopyInAsync(string source, string destination, CancellationToken cancellationToken = default) =>
        CopyInAsync(source, destination, progress: null, cancellationToken);

    /// <summary>As the other method, and tells how far it is.</summary>
    /// <param name="source">Path on the host.</param>
    /// <param name="destination">Path in the guest.</param>
    /// <param name="progress">Receives the bytes of files that were sent so far, often.</param>
    /// <param name="cancellationToken">Gives up; part of the copy may be there.</param>
    /// <exception cref="GuestAgentException">The guest refuses, or is gone.</exception>
    /// <exception cref="IOException">The host cannot read the source, or it is a pipe, a socket or a device.</exception>
    public async Task CopyInAsync(string source, string destination, IProgress<long>? progress, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        string path = Path.GetFullPath(source);
        if (!Path.Exists(path)) throw new FileNotFoundException($"{source}: there is no such file or folder on the host");
        string real = new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;
        if (!Directory.Exists(real) && !HostFileKind.IsPlain(real)) throw new IOException($"{source}: neither a file nor a folder");
        GuestFileInfo? there = await FindAsync(destination, cancellationToken).ConfigureAwait(false);
        string name = GuestPath.IsContent(source) ? "" : Path.GetFileName(path.TrimEnd('/'));
        string target = there is { Kind: GuestFileKind.Folder } && name.Length != 0 ? GuestPath.Join(destination, name) : destination;
        await PushAsync(target, input => SendTreeAsync(input, real, new CopyCount(progress), cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Copies a file, or a folder and all below it, out of the guest. Pipes, sockets and devices below a folder are left out; so are set-user-ID
    /// bits. Links below the folder are copied as they are, wherever they lead.
    /// </summary>
    /// <param name="source">Path in the guest. With <c>/.</c> at the end it is what a folder has in it, and not the folder.</param>
    /// <param name="destination">Path on the host. Where a folder is there, the copy goes into it, under its own name, as with <c>cp</c>.</param>
    /// <param name="cancellationToken">Gives up; part of the copy may be there.</param>
    /// <exception cref="GuestAgentException">The guest refuses, names paths elsewhere on the host, or is gone.</exception>
    /// <exception cref="IOException">The host cannot write the copy.</exception>
    public Task CopyOutAsync(string source, string destination, CancellationToken cancellationToken = default) =>
        CopyOutAsync(source, destination, progress: null, cancellationToken);

    /// <summary>As the other method, and tells how far it is.</summary>
    /// <param name="source">Path in the guest.</param>
    /// <param name="destination">Path on the host.</param>
    /// <param name="progress">Receives the bytes of files that have come so far, often.</param>
    /// <param name="cancellationToken">Gives up; part of the copy may be there.</param>
    /// <exception cref="GuestAgentException">The guest refuses, names paths elsewhere on the host, or is gone.</exception>
    /// <exception cref="IOException">The host cannot write the copy.</exception>
    public async Task CopyOutAsync(string source, string destination, IProgress<long>? progress, CancellationToken cancellationToken = default)
    {
        CopyCount copied = new(progress);
        ArgumentException.ThrowIfNullOrEmpty(destination);
        string name = GuestPath.NameOf(source), path = Path.GetFullPath(destination);
        string target = Directory.Exists(path) && name.Length != 0 && !GuestPath.IsContent(source) ? Path.Combine(path, name) : path;
        AgentPull pull = await PullAsync(source, AgentPull.Options.Recursive | AgentPull.Options.FollowLink, cancellationToken).ConfigureAwait(false);
        using PulledTree tree = new(target);
        await UseAsync(pull, async () =>
        {
            while (await pull.NextAsync(cancellationToken).ConfigureAwait(false) is { } piece)
            {
                if (piece.Entry is { Path.Length: 0, Kind: GuestFileKind.Other })
                    throw new GuestAgentException($"The guest cannot send {source}: neither a file nor a folder");
                if (piece.Entry is { } entry) tree.Begin(entry);
                else tree.Append(piece.Bytes);
                copied.Add(piece.Bytes.Length);
            }
        }).ConfigureAwait(false);
        tree.Complete();
    }

    // The next bytes of one file, none for its entry; null at the end.
    private static async Task<byte[]?> NextOfFileAsync(AgentPull pull, string path, CancellationToken cancellationToken)
    {
        PulledPiece? piece = await pull.NextAsync(cancellationToken).ConfigureAwait(false);
        return piece?.Entry is { Kind: GuestFileKind.Folder } ? throw new GuestAgentException($"The guest cannot read {path}", 21, null) : piece?.Bytes;
    }

    private static async Task UseAsync(AgentPull pull, Func<Task> use)
    {
        try
        {
            await use().ConfigureAwait(false);
        }
        catch
        {
            pull.Cancel();
            throw;
        }
    }

    private static ValueTask SendEntryAsync(AgentWriteStream input, GuestFileInfo entry, CancellationToken cancellationToken)
    {
        byte[] bytes = AgentEntry.Write(entry);
        return input.SendAsync(AgentFrameType.Entry, bytes, bytes.Length, cancellationToken);
    }

    // Folders once more at the end, innermost first: what came into them has changed their times.
    private static async Task SendTreeAsync(AgentWriteStream input, string root, CopyCount count, CancellationToken cancellationToken)
    {
        List<GuestFileInfo> folders = [];
        foreach ((string file, GuestFileInfo entry) in HostTree.Walk(root))
        {
            await SendFileAsync(input, (file, entry), count, cancellationToken).ConfigureAwait(false);
            if (entry.Kind == GuestFileKind.Folder) folders.Add(entry);
        }
        foreach (GuestFileInfo folder in Enumerable.Reverse(folders)) await SendEntryAsync(input, folder, cancellationToken).ConfigureAwait(false);
    }

    private static async Task SendFileAsync(
        AgentWriteStream input, (string Path, GuestFileInfo Entry) file, CopyCount copied, CancellationToken cancellationToken)
    {
        await SendEntryAsync(input, file.Entry, cancellationToken).ConfigureAwait(false);
        if (file.Entry.Kind != GuestFileKind.File) return;
        using FileStream content = new(file.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        byte[] buffer = new byte[Piece];
        for (int count; (count = await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
        {
            await input.SendAsync(AgentFrameType.Data, buffer.AsMemory(0, count), Piece, cancellationToken).ConfigureAwait(false);
            copied.Add(count);
        }
    }

    private sealed class CopyCount(IProgress<long>? progress)
    {
        private long _bytes;

        internal void Add(int count)
        {
            _bytes += count;
            if (count != 0) progress?.Report(_bytes);
        }
    }

    private async Task<AgentPull> PullAsync(string path, AgentPull.Options options, CancellationToken cancellationToken)
    {
        AgentConnection connection = await _connect(cancellationToken).ConfigureAwait(false);
        return await AgentPull.StartAsync(connection, path, options, cancellationToken).ConfigureAwait(false);
    }

    private async Task PushAsync(string path, Func<AgentWriteStream, Task> send, CancellationToken cancellationToken)
    {
        AgentConnection connection = await _connect(cancellationToken).ConfigureAwait(false);
        AgentRequest request = await AgentRequest.SendAsync(connection, AgentFrameType.Push, GuestPath.Encode(0, path), cancellationToken).ConfigureAwait(false);
        try
        {
            await send(request.Input).ConfigureAwait(false);
            request.Input.Complete();
        }
        catch (Exception e) when (request.Result.IsCompleted && e is IOException or GuestAgentException)
        {
            // The guest has refused; why, its result tells.
        }
        catch
        {
            request.Cancel(signal: 9);
            throw;
        }
        await request.FinishAsync($"The guest cannot write {path}", cancellationToken).ConfigureAwait(false);
    }
}
