using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Doppel.Images.Apt;

namespace Doppel.UnitTests.Images;

/// <summary>A small Debian archive on the disk, signed by a key of its own: everything the real one has, for apt to judge.</summary>
internal sealed class FakeArchive : IDisposable
{
    private const string Architecture = "riscv64";
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, (string Control, string File)> _packages = new(StringComparer.Ordinal);

    public FakeArchive()
    {
        Directory.CreateDirectory(_folder["archive/pool"]);
        Key = NewKey("archive");
    }

    public string Root => _folder["archive"];

    public string Key { get; }

    public string Pool(string package) => Path.Combine(Root, _packages[package].File);

    /// <summary>The archive as a source of apt that trusts one key.</summary>
    public AptArchive Source(string? uri = null, string? key = null) =>
        new(new AptSource(uri ?? "file:" + Root, "bookworm", ["main"], key ?? Key, new Dictionary<string, string>(StringComparer.Ordinal)));

    /// <summary>Makes a key pair and returns the path of its public part.</summary>
    public string NewKey(string name)
    {
        string home = Directory.CreateDirectory(_folder[name + ".gnupg"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
        _ = Tool.Run("gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "",
            "--quick-generate-key", name, "ed25519", "sign", "never");
        File.WriteAllBytes(_folder[name + ".gpg"], Tool.Filter([], "gpg", "--homedir", home, "--batch", "--quiet", "--export"));
        return _folder[name + ".gpg"];
    }

    /// <summary>Adds or replaces a package.</summary>
    public void Add(string name, string version, string depends, params (string Path, byte[] Content)[] files)
    {
        string tree = Directory.CreateDirectory(_folder["tree-" + Path.GetRandomFileName()]).FullName;
        string control = $"Package: {name}\nVersion: {version}\nArchitecture: {Architecture}\nMaintainer: Nobody <nobody@localhost>\n"
            + $"{(depends.Length > 0 ? $"Depends: {depends}\n" : "")}Description: a package of a test\n";
        foreach ((string path, byte[] content) in files.Append(("DEBIAN/control", Encoding.UTF8.GetBytes(control))))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(tree, path))!);
            File.WriteAllBytes(Path.Combine(tree, path), content);
        }
        string file = $"pool/{name}_{version}_{Architecture}.deb";
        _ = Tool.Run("dpkg-deb", "--root-owner-group", "-z1", "--build", tree, Path.Combine(Root, file));
        _packages[name] = (control, file);
    }

    public void Remove(string name) => _packages.Remove(name);

    /// <summary>Writes the index and signs it.</summary>
    public void Publish() => Publish("archive");

    public void Publish(string? signer)
    {
        string dists = Path.Combine(Root, "dists", "trixie");
        string index = Path.Combine(dists, "main", "binary-" + Architecture, "Packages");
        Directory.CreateDirectory(Path.GetDirectoryName(index)!);
        File.WriteAllText(index, string.Join('\n', _packages.Values.Select(package =>
            $"{package.Control}Filename: {package.File}\nSize: {new FileInfo(Path.Combine(Root, package.File)).Length}\n"
            + $"SHA256: {Digest(Path.Combine(Root, package.File))}\n")));
        string release = $"Origin: Debian\nSuite: stable\nCodename: trixie\nDate: {DateTime.UtcNow.ToString("R", CultureInfo.InvariantCulture)}\n"
            + $"Architectures: {Architecture}\nComponents: main\nSHA256:\n {Digest(index)} {new FileInfo(index).Length} main/binary-{Architecture}/Packages\n";
        File.Delete(Path.Combine(dists, "InRelease"));
        File.Delete(Path.Combine(dists, "Release"));
        File.WriteAllBytes(Path.Combine(dists, signer is null ? "Release" : "InRelease"), signer is null
            ? Encoding.UTF8.GetBytes(release)
            : Tool.Filter(Encoding.UTF8.GetBytes(release), "gpg", "--homedir", _folder[signer + ".gnupg"], "--batch", "--quiet", "--clearsign"));
    }

    public void Dispose()
    {
        foreach (string home in Directory.EnumerateDirectories(_folder.Path, "*.gnupg")) _ = Tool.Run("gpgconf", "--homedir", home, "--kill", "all");
        _folder.Dispose();
    }

    private static string Digest(string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));
}
