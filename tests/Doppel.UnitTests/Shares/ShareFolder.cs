using System.Text;
using Doppel.Devices.Backends.Share;
using Doppel.Host.Shares;

namespace Doppel.UnitTests.Shares;

/// <summary>A folder of the host that is shared, beside one that is not and that nobody may touch.</summary>
internal sealed class ShareFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("doppel-share-");
    private readonly List<HostEntry> _roots = [];
    private readonly string _canaryBefore;

    internal ShareFolder()
    {
        Directory.CreateDirectory(Path);
        Directory.CreateDirectory(System.IO.Path.Combine(Canary, "folder"));
        System.IO.File.WriteAllText(System.IO.Path.Combine(Canary, "secret"), "secret");
        System.IO.File.WriteAllText(System.IO.Path.Combine(Canary, "folder", "secret"), "secret");
        _canaryBefore = Describe(Canary);
    }

    internal string Path => System.IO.Path.Combine(_folder.FullName, "shared");

    internal string Canary => System.IO.Path.Combine(_folder.FullName, "canary");

    public void Dispose()
    {
        foreach (HostEntry root in _roots) root.Dispose();
        Libc.RemoveTree(Encoding.UTF8.GetBytes(_folder.FullName));
    }

    internal string File(params string[] names) => System.IO.Path.Combine([Path, .. names]);

    internal ShareServer Serve(ShareOptions? options = null)
    {
        Assert.Equal(0, HostEntry.TryOpenFolder(Path, out HostEntry? root));
        _roots.Add(root!);
        return new ShareServer(root!, options ?? new ShareOptions());
    }

    internal ShareClient Connect(ShareOptions? options = null) => new(Serve(options));

    internal void AssertCanaryIsUntouched() => Assert.Equal(_canaryBefore, Describe(Canary));

    /// <summary>All entries of a tree in order, with types, permissions, links, targets and contents.</summary>
    internal static string Describe(string folder)
    {
        StringBuilder text = new();
        Describe(Encoding.UTF8.GetBytes(folder), "", text);
        return text.ToString();
    }

    private static void Describe(byte[] folder, string prefix, StringBuilder text)
    {
        foreach (byte[] name in Libc.List(folder).OrderBy(static n => Convert.ToHexString(n), StringComparer.Ordinal))
        {
            byte[] path = [.. folder, (byte)'/', .. name];
            string shown = prefix + "/" + Encoding.Latin1.GetString(name);
            (uint mode, uint links, long size) = Libc.Look(path);
            text.Append($"{shown} {Convert.ToString(mode, 8)}");
            switch (mode & 0xF000)
            {
                case 0x4000:
                    text.Append('\n');
                    Describe(path, shown, text);
                    break;
                case 0xA000: text.Append($" -> {Encoding.Latin1.GetString(Libc.ReadLink(path))}\n"); break;
                case 0x8000: text.Append($" {links} {size} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Libc.ReadAll(path)))}\n"); break;
                default: text.Append('\n'); break;
            }
        }
    }
}
