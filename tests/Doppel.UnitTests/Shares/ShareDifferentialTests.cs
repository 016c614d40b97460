using System.Text;
using Doppel.Host.Shares;
using Doppel.UnitTests.Devices.Fuzz;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Shares;

/// <summary>
/// The same random operations through the server, and by the host's own calls on another folder: results, errors and what is there at the
/// end must be the same.
/// </summary>
public sealed class ShareDifferentialTests(ITestOutputHelper output) : IDisposable
{
    private static readonly string[] s_folders = ["d0", "d1", "d2"];
    private static readonly string[] s_files = ["f0", "f1", "\xff\n f", new string('n', 255), new string('n', 256)];

    private readonly ShareFolder _folder = new(), _twin = new();
    private readonly FuzzSeed _seed = new(output);
    private readonly List<string> _kinds = [];

    public void Dispose()
    {
        _folder.Dispose();
        _twin.Dispose();
    }

    [Fact]
    public void Operations_AtRandom_DoWhatTheHostDoes()
    {
        using ShareClient guest = _folder.Connect();
        HashSet<string> outcomes = [];
        _seed.Run(6_000, random =>
        {
            string[] folder = [.. Enumerable.Range(0, random.Next(4)).Select(_ => Pick(random, s_folders))];
            string[] other = [.. Enumerable.Range(0, random.Next(3)).Select(_ => Pick(random, s_folders))];
            (string Kind, string Guest, string Host) result = Act(guest, random, folder, other);
            Assert.True(result.Guest == result.Host, $"{result.Kind} in {string.Join('/', folder)}: guest {result.Guest}, host {result.Host}");
            outcomes.Add($"{result.Kind} {result.Host.Split(' ')[0]}");
        });
        Assert.Equal(ShareFolder.Describe(_twin.Path), ShareFolder.Describe(_folder.Path));
        Assert.True(outcomes.Count > 40, $"only {outcomes.Count} different outcomes: {string.Join(", ", outcomes)}");
    }

    private (string Kind, string Guest, string Host) Act(ShareClient guest, Random random, string[] folder, string[] other)
    {
        // The second name is never too long: where two things are wrong at once, either may be told.
        bool isFolder = random.Next(2) == 0;
        string name = Pick(random, isFolder ? s_folders : s_files), second = Pick(random, isFolder ? s_folders : s_files[..4]);
        int size = random.Next(5000);
        uint mode = (isFolder ? 0x1C0u : 0x180u) | (uint)random.Next(0x200);
        string target = random.Next(2) == 0 ? "/nowhere" : "f0";
        switch (random.Next(14))
        {
            case 0 or 1: return ("mkdir", In(guest, folder, f => guest.Call(72, f, name, 0x1EDu, 0u)), Host(Libc.Mkdir(On(folder, name), 0x1ED)));
            case 2: return ("rmdir", In(guest, folder, f => guest.Call(76, f, name, 0x200u)), Host(Libc.Rmdir(On(folder, name))));
            case 3: return ("unlink", In(guest, folder, f => guest.Call(76, f, name, 0u)), Host(Libc.Unlink(On(folder, name))));
            case 4 or 5: return ("create", Create(guest, folder, name, random.Next(2) == 0, size), HostCreate(folder, name, size));
            case 6: return ("write", Use(guest, [.. folder, name], random.Next(3000), size), HostUse([.. folder, name], size));
            case 7: return ("read", Read(guest, [.. folder, name], size), HostRead([.. folder, name], size));
            case 8: return ("rename", Two(guest, folder, other, (f, o) => guest.Call(74, f, name, o, second)), HostTwo(folder, other, name, second));
            case 9: return ("link", LinkTo(guest, folder, other, name, second), HostLink(folder, other, name, second));
            case 10: return ("symlink", In(guest, folder, f => guest.Call(16, f, "l" + size % 3, target, 0u)), Host(Libc.Symlink(Bytes(target), On(folder, "l" + size % 3))));
            case 11: return ("chmod", At(guest, [.. folder, name], f => guest.Call(26, f, 1u, mode, 0u, 0u, 0UL, 0UL, 0UL, 0UL, 0UL)), Host(Libc.Chmod(On(folder, name), mode)));
            case 12: return ("truncate", At(guest, [.. folder, name], f => guest.Call(26, f, 8u, 0u, 0u, 0u, (ulong)size, 0UL, 0UL, 0UL, 0UL)), Host(Libc.Truncate(On(folder, name), size)));
            default: return ("unlink", In(guest, folder, f => guest.Call(76, f, "l" + size % 3, 0u)), Host(Libc.Unlink(On(folder, "l" + size % 3))));
        }
    }

    private string HostCreate(string[] folder, string name, int size)
    {
        int flags = _kinds[^1] == "exclusive" ? 0x42 | 0x80 : 0x42;
        (int errno, _) = Libc.Use(On(folder, name), flags, 0x1A4, 0, Content(size));
        return Host(errno);
    }

    private string Create(ShareClient guest, string[] folder, string name, bool exclusive, int size)
    {
        _kinds.Add(exclusive ? "exclusive" : "any");
        int error = Walk(guest, out uint fid, folder);
        if (error == 0) error = guest.Call(14, fid, name, ShareClient.ReadWrite | (exclusive ? ShareClient.Exclusive : 0u), 0x1A4u, 0u).Errno;
        if (error == 0) error = guest.Write(fid, 0, Encoding.Latin1.GetString(Content(size)), out _);
        guest.Call(120, fid);
        return Host(error);
    }

    private string Use(ShareClient guest, string[] path, int offset, int size)
    {
        _kinds.Add($"{offset}");
        return At(guest, path, f =>
        {
            ShareAnswer opened = guest.Call(12, f, ShareClient.WriteOnly);
            return opened.Errno != 0 ? opened : new ShareAnswer(7, BitConverter.GetBytes(guest.Write(f, (ulong)offset, Encoding.Latin1.GetString(Content(size)), out _)), []);
        });
    }

    private string HostUse(string[] path, int size) =>
        Host(Libc.Use(On(path[..^1], path[^1]), 1, 0, int.Parse(_kinds[^1], System.Globalization.CultureInfo.InvariantCulture), Content(size)).Errno);

    private static string Read(ShareClient guest, string[] path, int offset)
    {
        string text = "";
        string error = At(guest, path, f =>
        {
            ShareAnswer answer = guest.Call(12, f, ShareClient.ReadOnly);
            if (answer.Errno == 0) answer = guest.Call(116, f, (ulong)offset, 65536u);
            text = answer.Text;
            return answer;
        });
        return $"{error} {text}";
    }

    private string HostRead(string[] path, int offset)
    {
        (int errno, byte[] content) = Libc.Use(On(path[..^1], path[^1]), 0, 0, offset, null);
        return $"{Host(errno)} {Encoding.Latin1.GetString(content)}";
    }

    private static string LinkTo(ShareClient guest, string[] folder, string[] other, string name, string second)
    {
        int error = Walk(guest, out uint file, [.. folder, name]);
        string result = error != 0 ? Host(error) : In(guest, other, o => guest.Call(70, o, file, second));
        guest.Call(120, file);
        return result;
    }

    private string HostLink(string[] folder, string[] other, string name, string second) => Host(Libc.Link(On(folder, name), On(other, second)));

    private string HostTwo(string[] folder, string[] other, string name, string second) => Host(Libc.Rename(On(folder, name), On(other, second)));

    private static string Two(ShareClient guest, string[] folder, string[] other, Func<uint, uint, ShareAnswer> act)
    {
        int error = Walk(guest, out uint first, [.. folder, "."]);
        string result = error != 0 ? Host(error) : In(guest, other, o => act(first, o));
        guest.Call(120, first);
        return result;
    }

    private static string In(ShareClient guest, string[] folder, Func<uint, ShareAnswer> act) => At(guest, folder, act);

    private static string At(ShareClient guest, string[] path, Func<uint, ShareAnswer> act)
    {
        int error = Walk(guest, out uint fid, path);
        if (error == 0) error = act(fid).Errno;
        guest.Call(120, fid);
        return Host(error);
    }

    // Name by name, as the guest's kernel does, so that the error is that of the name on which it ends.
    private static int Walk(ShareClient guest, out uint fid, string[] path)
    {
        int error = guest.Walk(out fid);
        foreach (string name in path)
        {
            if (error == 0) error = guest.Call(110, fid, fid, (string[])[name]).Errno;
        }
        return error;
    }

    private byte[] On(string[] folder, string name) => [.. Encoding.UTF8.GetBytes(_twin.Path), .. Bytes(string.Concat(folder.Append(name).Select(static n => "/" + n)))];

    private static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    private static byte[] Content(int size) => [.. Enumerable.Range(0, size).Select(static i => (byte)(i * 7))];

    private static string Host(int errno) => errno == Errno.None ? "ok" : $"errno-{errno}";

    private static string Pick(Random random, string[] from) => from[random.Next(from.Length)];
}
