using System.Security.Cryptography;
using Doppel.Images;
using Doppel.Images.Apt;

namespace Doppel.GuestBench.Building;

/// <summary>
/// A root file system in a folder: packages unpacked by dpkg-deb without root and without their scripts, and the suite's own files below
/// <c>/bench</c>. Rebuilt in part: packages when their versions change, own files always.
/// </summary>
internal sealed class RootFolder
{
    private const string PackagesFile = "packages";
    private readonly string _work;
    private readonly GuestPlatform _platform;

    public RootFolder(string work, GuestPlatform platform)
    {
        _work = Path.Combine(work, platform.Architecture);
        _platform = platform;
    }

    /// <summary>Path of the folder.</summary>
    public string Root => Path.Combine(_work, "root");

    private string Stamp => Path.Combine(_work, PackagesFile);

    /// <summary>Brings the packages to what is wanted; the archive is only asked if the list of packages has changed, or there is none.</summary>
    /// <exception cref="AptException">apt refuses.</exception>
    public async Task InstallPackagesAsync(AptTools tools, AptSource source, CancellationToken cancellation)
    {
        IReadOnlyList<string> names = PackageTable.For(_platform.Architecture, _platform.CompilerPrefix);
        string wanted = string.Join('\n', names) + "\n";
        if (File.Exists(Stamp) && await File.ReadAllTextAsync(Stamp, cancellation).ConfigureAwait(false) == wanted) return;
        var repository = AptRepository.Create(tools, Path.Combine(_work, "apt"),
            source.ToStanza(DebianImage.Suite, _platform.Architecture, AptTools.ArchiveKeyring), _platform.Architecture);
        Console.Error.WriteLine($"fetching {names.Count} Debian packages for {_platform.Architecture}");
        await repository.UpdateAsync(_ => { }, cancellation).ConfigureAwait(false);
        IReadOnlyList<AptPackage> packages = await repository.ShowAsync(names, cancellation).ConfigureAwait(false);
        IReadOnlyList<string> files = await repository.DownloadAsync(packages, (_, _) => { }, cancellation).ConfigureAwait(false);
        if (Directory.Exists(Root)) Directory.Delete(Root, recursive: true);
        MakeFolders();
        foreach (string file in files)
            await HostProcess.RunAsync(tools.DpkgDeb, ["--extract", file, Root], cancellation).ConfigureAwait(false);
        LinkMergedFolders();
        await File.WriteAllTextAsync(Stamp, wanted, cancellation).ConfigureAwait(false);
    }

    /// <summary>Copies the suite's scripts and programs, compiles its sources and adds the key.</summary>
    /// <exception cref="BenchException">A tool is missing.</exception>
    public async Task AddOwnFilesAsync(string sources, string keyPem, CancellationToken cancellation)
    {
        string bench = Path.Combine(Root, "bench");
        if (Directory.Exists(bench)) Directory.Delete(bench, recursive: true);
        foreach (string folder in (ReadOnlySpan<string>)["cases", "programs", "src"]) CopyFolder(Path.Combine(sources, folder), Path.Combine(bench, folder));
        File.Copy(Path.Combine(sources, "system", "agent"), Path.Combine(bench, "agent"));
        await File.WriteAllTextAsync(Path.Combine(bench, "key.pem"), keyPem, cancellation).ConfigureAwait(false);
        // The guest has no vector unit: without vectors on the host either, the ratio to native speed speaks of the engine alone.
        string[] flags = ["-O2", "-fno-tree-vectorize", "-static"];
        string programs = Directory.CreateDirectory(Path.Combine(bench, "bin")).FullName;
        foreach (string source in Directory.EnumerateFiles(Path.Combine(sources, "src"), "*.c").Order(StringComparer.Ordinal))
        {
            string program = Path.Combine(programs, Path.GetFileNameWithoutExtension(source));
            await HostProcess.RunAsync(HostTools.Need(_platform.Compiler), [.. flags, "-o", program, source, "-lm", "-pthread"], cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>A digest of the paths and contents of all own files, and of the list of packages.</summary>
    public string OwnDigest()
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        IEnumerable<string> files = Directory.EnumerateFiles(Path.Combine(Root, "bench"), "*", SearchOption.AllDirectories);
        foreach (string file in files.Append(Stamp).Order(StringComparer.Ordinal))
        {
            digest.AppendData(System.Text.Encoding.UTF8.GetBytes(Path.GetRelativePath(_work, file)));
            digest.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
        }
        return Convert.ToHexStringLower(digest.GetHashAndReset());
    }

    private void MakeFolders()
    {
        foreach (string folder in (ReadOnlySpan<string>)["usr/bin", "usr/lib", "usr/lib64", "dev", "proc", "sys", "tmp", "bench"])
            Directory.CreateDirectory(Path.Combine(Root, folder));
    }

    // The links of the merged /usr belong to base-files, whose scripts make them.
    private void LinkMergedFolders()
    {
        foreach (string name in (ReadOnlySpan<string>)["bin", "lib", "lib64"])
        {
            string link = Path.Combine(Root, name);
            if (!Directory.Exists(link)) File.CreateSymbolicLink(link, "usr/" + name);
        }
        if (!File.Exists(Path.Combine(Root, "usr/bin/sh"))) File.CreateSymbolicLink(Path.Combine(Root, "usr/bin/sh"), "dash");
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.EnumerateFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}
