using System.Formats.Tar;
using Doppel.Images.Apt;

namespace Doppel.Images.Linux;

/// <summary>The content of a .deb file, read as a stream: nothing is written to the disk, so neither owners nor device nodes need root.</summary>
internal static class DebianPackageFile
{
    /// <summary>Reads the regular files of a package.</summary>
    /// <param name="dpkgDeb">Path of the dpkg-deb program.</param>
    /// <param name="file">Path of the package.</param>
    /// <param name="wanted">Says by path (relative, no leading dot) which files are kept.</param>
    /// <param name="progress">Gets the bytes of content passed so far.</param>
    /// <param name="cancellation">Stops the program.</param>
    /// <exception cref="AptException">dpkg-deb refuses the package.</exception>
    public static async Task<IReadOnlyDictionary<string, byte[]>> ReadAsync(
        string dpkgDeb, string file, Func<string, bool> wanted, Action<long> progress, CancellationToken cancellation)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        await HostProcess.RunAsync(dpkgDeb, ["--fsys-tarfile", file], async output =>
        {
            long passed = 0;
            using var tar = new TarReader(output.BaseStream, leaveOpen: true);
            while (await tar.GetNextEntryAsync(copyData: false, cancellation).ConfigureAwait(false) is { } entry)
            {
                string path = entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;
                passed += entry.Length;
                if (entry.DataStream is { } data && wanted(path))
                {
                    byte[] content = new byte[entry.Length];
                    await data.ReadExactlyAsync(content, cancellation).ConfigureAwait(false);
                    files[path] = content;
                }
                progress(passed);
            }
            // The program ends with an error if the padding after the last entry finds nobody to read it.
            await output.BaseStream.CopyToAsync(Stream.Null, cancellation).ConfigureAwait(false);
        }, cancellation).ConfigureAwait(false);
        return files;
    }
}
