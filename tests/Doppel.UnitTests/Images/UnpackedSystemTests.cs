using System.Text;
using Doppel.Images.Apt;
using Doppel.Images.Roots;

namespace Doppel.UnitTests.Images;

/// <summary>What is written of unpacked packages, judged by what the host's dpkg makes of the same packages.</summary>
public sealed class UnpackedSystemTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DebianArchive _archives = new(AptTools.Find()!.DpkgDeb);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Finish_WithPackagesOfAllKinds_IsWhatDpkgUnpacks()
    {
        string[] debs = [Base(), Library(), Program()];
        string ours = await UnpackAsync(debs);
        string theirs = UnpackByDpkg(debs);

        // Every file but those that dpkg keeps for itself; modes, owners, links and content.
        Assert.Equal(Describe(theirs), Describe(ours));
        Assert.Equal(Stanzas(theirs), Stanzas(ours));
        Assert.Equal(Sorted(theirs, "triggers/File"), Sorted(ours, "triggers/File"));
        Assert.Equal(Sorted(theirs, "triggers/rebuild-all"), Sorted(ours, "triggers/rebuild-all"));
        Assert.Equal(Audit(theirs), Audit(ours));
    }

    [Fact]
    public async Task Plain_Package_IsTheSamePackageForDpkgDeb()
    {
        string packed = Program(), plain = _folder["plain.deb"];
        await PlainPackage.WriteAsync(_archives, packed, plain, default);

        Assert.Equal(Tool.Run("dpkg-deb", "--contents", packed), Tool.Run("dpkg-deb", "--contents", plain));
        Assert.Equal(Tool.Run("dpkg-deb", "--field", packed), Tool.Run("dpkg-deb", "--field", plain));
        Assert.Equal(Tool.Filter([], "dpkg-deb", "--fsys-tarfile", packed), Tool.Filter([], "dpkg-deb", "--fsys-tarfile", plain));
        Assert.Equal(["debian-binary", "control.tar", "data.tar"], Tool.Run("ar", "t", plain).Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private string Base() => Build("base-files", "", [("usr/bin/tool", "tool\n"), ("etc/release", "13\n")],
        [("conffiles", "/etc/release\n"), ("preinst", "#!/bin/sh\nexit 0\n"), ("triggers", "interest-noawait /usr/lib\ninterest rebuild-all\n")]);

    private string Library() => Build("library", "Multi-Arch: same\n", [("usr/lib/riscv64-linux-gnu/liba.so.1.2", "code")],
        [("triggers", "activate-noawait ldconfig\n"), ("shlibs", "liba 1 library\n")], ("usr/lib/riscv64-linux-gnu/liba.so.1", "liba.so.1.2"));

    private string Program()
    {
        string path = $"usr/share/doc/program/{new string('p', 90)}/{new string('q', 90)}/notes";
        return Build("program", "Depends: library\n", [("usr/bin/program", "#!/bin/sh\n"), (path, "long\n"), ("etc/program/a.conf", "a\n"), ("etc/program/b.conf", "b\n")],
            [("conffiles", "/etc/program/a.conf\n/etc/program/b.conf\n"), ("postinst", "#!/bin/sh\nexit 0\n"), ("triggers", "interest /etc/program\n")]);
    }

    private string Build(string name, string fields, (string Path, string Text)[] files, (string Name, string Text)[] control, params (string Path, string Target)[] links)
    {
        string tree = Directory.CreateDirectory(_folder["tree-" + name]).FullName;
        string head = $"Package: {name}\nVersion: 1:2.3-4\nArchitecture: riscv64\nMaintainer: Nobody <nobody@localhost>\n{fields}Description: a package of a test\n with a second line\n";
        foreach ((string path, string text) in (IEnumerable<(string, string)>)[.. files, ("DEBIAN/control", head), .. control.Select(static c => ("DEBIAN/" + c.Name, c.Text))])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(tree, path))!);
            File.WriteAllBytes(Path.Combine(tree, path), Encoding.UTF8.GetBytes(text));
            bool isProgram = text.StartsWith("#!", StringComparison.Ordinal);
            File.SetUnixFileMode(Path.Combine(tree, path), (UnixFileMode)(isProgram ? 0x1ED : 0x1A4));
        }
        foreach ((string path, string target) in links) File.CreateSymbolicLink(Path.Combine(tree, path), target);
        string sums = string.Concat(files.Where(f => !control.Any(c => c.Name == "conffiles" && c.Text.Contains(f.Path, StringComparison.Ordinal)))
            .Select(static f => $"{Convert.ToHexStringLower(System.Security.Cryptography.MD5.HashData(Encoding.UTF8.GetBytes(f.Text)))}  {f.Path}\n"));
        File.WriteAllText(Path.Combine(tree, "DEBIAN/md5sums"), sums);
        _ = Tool.Run("dpkg-deb", "--root-owner-group", "-z1", "--build", tree, _folder[name + ".deb"]);
        return _folder[name + ".deb"];
    }

    private async Task<string> UnpackAsync(string[] debs)
    {
        await using (FileStream output = File.Create(_folder["ours.tar"]))
        {
            using var system = new UnpackedSystem(_archives, output);
            foreach (string deb in debs) await system.AddAsync(deb, default);
            await system.FinishAsync(default);
        }
        string root = Directory.CreateDirectory(_folder["ours"]).FullName;
        _ = Tool.Run("unshare", "--map-root-user", "tar", "-x", "-p", "-f", _folder["ours.tar"], "-C", root);
        return root;
    }

    private string UnpackByDpkg(string[] debs)
    {
        string root = Directory.CreateDirectory(_folder["theirs"]).FullName;
        foreach (string folder in (string[])["info", "updates", "triggers", "parts"]) Directory.CreateDirectory(Path.Combine(root, "var/lib/dpkg", folder));
        foreach (string file in (string[])["status", "available"]) File.WriteAllText(Path.Combine(root, "var/lib/dpkg", file), "");
        _ = Tool.Run("unshare", ["--map-root-user", "dpkg", "--root", root, "--force-architecture", "--force-script-chrootless", "--no-triggers", "--unpack", .. debs]);
        return root;
    }

    private static string Audit(string root) => Tool.Run("dpkg", "--root", root, "--verify") + Tool.Run("dpkg-query", "--root", root, "-W")
        + Tool.Run("dpkg-query", "--root", root, "-L", "program");

    private static string Describe(string root) => Tool.Run("unshare", "--map-root-user", "bash", "-c",
        "cd \"$1\" && find . \\( -path './var/lib/dpkg/*' ! -path './var/lib/dpkg/info/*' \\) -prune -o -printf '%p %y %m %U %G %l\\n' | grep -v -e '^./var/lib/dpkg d' -e '^. d' | sort;"
        + " find . -type f ! -path './var/lib/dpkg/*' -o -type f -path './var/lib/dpkg/info/*' | sort | xargs sha256sum", "bash", root);

    // Order of paragraphs and fields does not matter; what dpkg notes of triggers that it has not run yet comes of --no-triggers.
    private static string[] Stanzas(string root) => [.. Deb822.Parse(File.ReadAllText(Path.Combine(root, "var/lib/dpkg/status")))
        .Select(static s => string.Join('\n', s.Where(static f => f.Key is not ("Triggers-Pending" or "Triggers-Awaited")).Select(static f => $"{f.Key}: {Conffiles(f)}").Order(StringComparer.Ordinal)))
        .Order(StringComparer.Ordinal)];

    private static string Conffiles(KeyValuePair<string, string> field) => string.Join('\n', field.Value.Split('\n').Order(StringComparer.Ordinal));

    private static string[] Sorted(string root, string file) => [.. File.ReadAllLines(Path.Combine(root, "var/lib/dpkg", file)).Order(StringComparer.Ordinal)];
}
