using System.Formats.Tar;
using Doppel.Images.Apt;

namespace Doppel.Images.Roots;

/// <summary>A member of a package's control archive: its permission bits and its bytes.</summary>
internal readonly record struct ControlFile(UnixFileMode Mode, byte[] Content);

/// <summary>A .deb file as dpkg-deb gives it: a stream of tar entries, so that nothing is written with owners that only root may give.</summary>
/// <param name="dpkgDeb">Path of the dpkg-deb program.</param>
internal sealed class DebianArchive(string dpkgDeb)
{
    /// <summary>Passes the entries of the package's content, one after the other, with their data.</summary>
    /// <exception cref="AptException">dpkg-deb refuses the package.</exception>
    public Task ReadContentAsync(string file, Func<TarEntry, Task> entry, CancellationToken cancellation) =>
        ReadAsync("--fsys-tarfile", file, entry, cancellation);

    /// <summary>The files of the package's control archive, by name.</summary>
    /// <exception cref="AptException">dpkg-deb refuses the package.</exception>
    public async Task<IReadOnlyDictionary<string, ControlFile>> ReadControlAsync(string file, CancellationToken cancellation)
    {
        var files = new SortedDictionary<string, ControlFile>(StringComparer.Ordinal);
        await ReadAsync("--ctrl-tarfile", file, async entry =>
        {
            if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile)) return;
            byte[] content = new byte[entry.Length];
            if (entry.DataStream is { } data) await data.ReadExactlyAsync(content, cancellation).ConfigureAwait(false);
            files[PathOf(entry)[1..]] = new ControlFile(entry.Mode, content);
        }, cancellation).ConfigureAwait(false);
        return files;
    }

    /// <summary>Writes what dpkg-deb gives with one of its options to a stream.</summary>
    public Task CopyTarAsync(string option, string file, Stream to, CancellationToken cancellation) =>
        HostProcess.RunAsync(dpkgDeb, [option, file], output => output.BaseStream.CopyToAsync(to, cancellation), cancellation);

    /// <summary>The path of an entry from the root on, <c>/.</c> for the root itself, as dpkg lists it.</summary>
    public static string PathOf(TarEntry entry)
    {
        string path = entry.Name.TrimEnd('/');
        if (path.StartsWith("./", StringComparison.Ordinal)) path = path[2..];
        return path is "" or "." ? "/." : "/" + path;
    }

    private Task ReadAsync(string option, string file, Func<TarEntry, Task> take, CancellationToken cancellation) =>
        HostProcess.RunAsync(dpkgDeb, [option, file], async output =>
        {
            using (var tar = new TarReader(output.BaseStream, leaveOpen: true))
            {
                while (await tar.GetNextEntryAsync(copyData: false, cancellation).ConfigureAwait(false) is { } entry)
                    await take(entry).ConfigureAwait(false);
            }
            // The program ends with an error if the padding after the last entry finds nobody to read it.
            await output.BaseStream.CopyToAsync(Stream.Null, cancellation).ConfigureAwait(false);
        }, cancellation);
}
