using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using Doppel.Host;

namespace Doppel.Images.Roots;

/// <summary>
/// Packs files and folders of the host into a tar archive in which root owns everything, and names their content: path, kind, permissions and bytes
/// count, times do not. Thread contract: one caller.
/// </summary>
internal sealed class HostTreeArchive : IDisposable
{
    private const UnixFileMode PermissionBits = (UnixFileMode)0xFFF;

    private readonly TarWriter _tar;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private HostTreeArchive(Stream output) => _tar = new TarWriter(output, TarEntryFormat.Pax);

    /// <summary>Packs the sources of a step.</summary>
    /// <param name="step">The step.</param>
    /// <param name="to">Path of the archive.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Digest of the content, and its bytes.</returns>
    /// <exception cref="ImageException">A source is not there, or can not be read.</exception>
    public static async Task<(string Digest, long Bytes)> PackAsync(CopyStep step, string to, CancellationToken cancellation)
    {
        FileStream output = File.Create(to);
        await using (output.ConfigureAwait(false))
        {
            using var archive = new HostTreeArchive(output);
            // The path in the archive is the path in the guest, from its root on.
            string destination = step.Destination.Trim('/');
            bool intoFolder = step.Destination.EndsWith('/') || step.Sources.Count > 1;
            foreach (string source in step.Sources)
            {
                try
                {
                    await archive.AddSourceAsync(source, destination, intoFolder, cancellation).ConfigureAwait(false);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    throw new ImageException($"{PackageSteps.Prefix(step)}COPY {source}: {e.Message}", e);
                }
            }
            archive._tar.Dispose();
            return (Convert.ToHexStringLower(archive._hash.GetHashAndReset()), new FileInfo(to).Length);
        }
    }

    public void Dispose()
    {
        _tar.Dispose();
        _hash.Dispose();
    }

    private async Task AddSourceAsync(string source, string destination, bool intoFolder, CancellationToken cancellation)
    {
        if (Directory.Exists(source))
        {
            if (destination.Length > 0) await AddAsync(new DirectoryInfo(source), destination, cancellation).ConfigureAwait(false);
            await AddBelowAsync(new DirectoryInfo(source), destination, cancellation).ConfigureAwait(false);
            return;
        }
        var file = new FileInfo(source);
        if (!file.Exists) throw new FileNotFoundException("there is no such file or folder on the host");
        if (!IsKept(file)) throw new IOException("it is a pipe, a socket or a device; files, folders and links are copied");
        await AddAsync(file, intoFolder ? Join(destination, file.Name) : destination, cancellation).ConfigureAwait(false);
    }

    private async Task AddBelowAsync(DirectoryInfo folder, string path, CancellationToken cancellation)
    {
        foreach (FileSystemInfo item in folder.EnumerateFileSystemInfos().Where(IsKept).OrderBy(static i => i.Name, StringComparer.Ordinal))
        {
            await AddAsync(item, Join(path, item.Name), cancellation).ConfigureAwait(false);
            if (item is DirectoryInfo { LinkTarget: null } below) await AddBelowAsync(below, Join(path, item.Name), cancellation).ConfigureAwait(false);
        }
    }

    // To open a pipe would wait for its other end, and a device may have none.
    private static bool IsKept(FileSystemInfo item) => item is DirectoryInfo || item.LinkTarget is not null || HostFileKind.IsPlain(item.FullName);

    private async Task AddAsync(FileSystemInfo item, string path, CancellationToken cancellation)
    {
        TarEntryType type = item.LinkTarget is not null ? TarEntryType.SymbolicLink : item is DirectoryInfo ? TarEntryType.Directory : TarEntryType.RegularFile;
        UnixFileMode mode = type == TarEntryType.SymbolicLink ? PermissionBits & (UnixFileMode)0x1FF : item.UnixFileMode & PermissionBits;
        var entry = new PaxTarEntry(type, path) { Mode = mode, ModificationTime = item.LastWriteTimeUtc };
        if (item.LinkTarget is { } target) entry.LinkName = target;
        _hash.AppendData(Encoding.UTF8.GetBytes($"{type} {(int)mode} {path}\0{item.LinkTarget}\0"));
        if (type != TarEntryType.RegularFile)
        {
            await _tar.WriteEntryAsync(entry, cancellation).ConfigureAwait(false);
            return;
        }
        FileStream content = File.OpenRead(item.FullName);
        await using (content.ConfigureAwait(false))
        {
            _hash.AppendData(await SHA256.HashDataAsync(content, cancellation).ConfigureAwait(false));
            content.Position = 0;
            entry.DataStream = content;
            await _tar.WriteEntryAsync(entry, cancellation).ConfigureAwait(false);
        }
    }

    private static string Join(string folder, string name) => folder.Length == 0 ? name : $"{folder}/{name}";
}
