using System.Text;
using Doppel.Devices.Backends.Share;
using Doppel.Host.Shares;
using Doppel.UnitTests.Devices.Fuzz;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Shares;

/// <summary>A guest that wants out. Beside the share is a folder that it must neither read nor change.</summary>
public sealed class HostileShareTests(ITestOutputHelper output) : IDisposable
{
    private static readonly byte[] s_types =
        [8, 12, 14, 16, 18, 20, 22, 24, 26, 30, 32, 40, 50, 52, 54, 70, 72, 74, 76, 102, 104, 108, 110, 116, 120, 122];

    // Layouts as the protocol has them, in the order of the types.
    private static readonly string[] s_layouts =
        ["4", "44", "4s444", "4ss4", "4s4444", "44s", "4", "48", "4444488888", "44s", "4s84", "484", "44", "414884s", "41884s", "44s", "4s44", "4s4s", "4s4", "4ss4",
            "44ss4", "2", "44w", "484", "4", "4"];

    private readonly ShareFolder _folder = new();
    private readonly FuzzSeed _seed = new(output);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Messages_AtRandom_NeverLeaveTheShareNorRaiseAnException()
    {
        using ShareClient guest = _folder.Connect(new ShareOptions { MaxFids = 64, MaxDescriptors = 20 });
        int succeeded = 0;
        _seed.Run(30_000, random =>
        {
            ShareAnswer answer = random.Next(20) == 0 ? guest.Send(Mutate(random, Message(guest, random)), new byte[random.Next(64)]) : guest.Send(Message(guest, random), []);
            if (answer.Errno == 0) succeeded++;
            // Sessions end early at random; the root comes back.
            if (!guest.Server.Session.Fids.ContainsKey(0)) guest.Call(104, 0u, uint.MaxValue, "", "", 0u);
            Assert.InRange(guest.Server.FidCount, 0, 64);
            Assert.InRange(guest.Server.Session.Tree.Descriptors, 0, 20);
        });
        _folder.AssertCanaryIsUntouched();
        Assert.True(succeeded > 1_000, $"only {succeeded} messages succeeded: the guest was too hostile to do harm");
    }

    [Fact]
    public void Folders_ThatBecomeSymlinksMeanwhile_AreNotFollowed()
    {
        Directory.CreateDirectory(_folder.File("real"));
        File.WriteAllText(_folder.File("real", "secret"), "inside");
        File.CreateSymbolicLink(_folder.File("link"), _folder.Canary);
        using ShareClient guest = _folder.Connect();
        using CancellationTokenSource stop = new();
        // The host's side of the race: "spot" is the folder, then the link that leads out, and so on.
        Task racer = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                Move("real", "spot");
                Move("spot", "real");
                Move("link", "spot");
                Move("spot", "link");
            }
        });
        HashSet<string> seen = [];
        int attacks = 0;
        // Both sides of the race must have been seen: the folder, and the link.
        while (!racer.IsCompleted && (attacks < 4_000 || !seen.Contains("inside") || !seen.Contains("link"))) seen.Add(Attack(guest, attacks++));
        stop.Cancel();
        racer.GetAwaiter().GetResult();
        _folder.AssertCanaryIsUntouched();
        Assert.DoesNotContain("secret", seen);
        Assert.Contains("inside", seen);
    }

    [Fact]
    public void ASymlinkInThePathOfAHandle_IsNotFollowedWhenTheHandleIsFoundAgain()
    {
        Directory.CreateDirectory(_folder.File("a", "folder"));
        File.WriteAllText(_folder.File("a", "folder", "secret"), "inside");
        using ShareClient guest = _folder.Connect(new ShareOptions { MaxDescriptors = 16 });
        uint file = guest.MustWalk("a", "folder", "secret");
        // So many others that the handle's descriptor is given up; then its names lead elsewhere.
        foreach (int i in Enumerable.Range(0, 40)) guest.Do(72, 0u, $"d{i}", 0x1FFu, 0u);
        uint[] others = [.. Enumerable.Range(0, 40).Select(i => guest.MustWalk($"d{i}"))];
        Directory.Move(_folder.File("a"), _folder.File("b"));
        File.CreateSymbolicLink(_folder.File("a"), _folder.Canary);
        Assert.Equal(Errno.ESTALE, guest.Open(file, ShareClient.ReadWrite));
        Assert.All(others, other => Assert.Equal(0x41FFu, guest.Look(other).Mode));
        _folder.AssertCanaryIsUntouched();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void FindBeneath_ASymlinkOnTheWay_IsRefusedWithAndWithoutOpenat2(bool inOneGo)
    {
        File.CreateSymbolicLink(_folder.File("link"), _folder.Canary);
        Directory.CreateDirectory(_folder.File("real", "inner"));
        Assert.Equal(0, HostEntry.TryOpenFolder(_folder.Path, out HostEntry? root));
        using (root)
        {
            int error = root!.FindBeneath((byte[][])["link"u8.ToArray(), "secret"u8.ToArray()], out HostEntry? entry, inOneGo);
            Assert.Contains(error, (int[])[Errno.ELOOP, Errno.ENOTDIR]);
            Assert.Null(entry);
            Assert.Equal(0, root.FindBeneath((byte[][])["real"u8.ToArray(), "inner"u8.ToArray()], out entry, inOneGo));
            entry!.Dispose();
            Assert.Equal(0, root.FindBeneath((byte[][])["link"u8.ToArray()], out entry, inOneGo));
            entry!.Dispose();
        }
    }

    [Fact]
    public void TheKernelsMagicLinks_AreNotFollowed()
    {
        Assert.Equal(0, HostEntry.TryOpenFolder("/proc/self", out HostEntry? root));
        using (root)
        using (ShareClient guest = new(new ShareServer(root!, new ShareOptions())))
        {
            uint link = guest.MustWalk("root");
            Assert.Equal(Errno.ENOTDIR, guest.WalkFrom(link, out _, "etc"));
            Assert.Equal(Errno.ELOOP, guest.Open(link, 0));
            Assert.Equal(Errno.ELOOP, guest.Open(guest.MustWalk("exe"), 0));
        }
    }

    [Fact]
    public void Devices_ThatTheHostHasInTheFolder_AreNotOpened()
    {
        Assert.Equal(0, HostEntry.TryOpenFolder("/dev", out HostEntry? root));
        using (root)
        using (ShareClient guest = new(new ShareServer(root!, new ShareOptions())))
        {
            uint device = guest.MustWalk("null");
            Assert.Equal(0x2000u, guest.Look(device).Mode & 0xF000);
            Assert.Equal(Errno.ENXIO, guest.Open(device, ShareClient.ReadWrite));
            Assert.Equal(Errno.ENXIO, guest.Create(out _, [], "null", ShareClient.ReadWrite, 0x1B6));
        }
    }

    private void Move(string from, string to) => Assert.Equal(0, Libc.Rename(Encoding.UTF8.GetBytes(_folder.File(from)), Encoding.UTF8.GetBytes(_folder.File(to))));

    private static string Attack(ShareClient guest, int i)
    {
        string text = "";
        if (guest.Walk(out uint fid, "spot", "secret") == 0 && guest.Open(fid, ShareClient.ReadOnly) == 0) text = guest.Call(116, fid, 0UL, 100u).Text;
        guest.Call(120, fid);
        if (guest.Walk(out fid, "spot") == 0)
        {
            if ((guest.Look(fid).Mode & 0xF000) == 0xA000) text = "link";
            guest.Call(72, fid, $"made{i % 50}", 0x1FFu, 0u);
            guest.Call(76, fid, "secret2", 0u);
            guest.Call(26, fid, 1u, 0x1FFu, 0u, 0u, 0UL, 0UL, 0UL, 0UL, 0UL);
            guest.Call(14, fid, $"new{i % 50}", ShareClient.ReadWrite, 0x1B6u, 0u);
        }
        guest.Call(120, fid);
        return text;
    }

    private static byte[] Message(ShareClient guest, Random random)
    {
        int kind = random.Next(s_types.Length);
        return guest.Encode(s_types[kind], [.. s_layouts[kind].Select((field, i) => Field(field, i, random))]);
    }

    private static object Field(char field, int place, Random random) => field switch
    {
        '1' => (byte)random.Next(4),
        '2' => (ushort)random.Next(8),
        // A handle mostly; flags, modes and sizes behind.
        '4' when place < 2 || random.Next(4) == 0 => (uint)random.Next(random.Next(3) == 0 ? 70 : 6),
        '4' => random.Next(3) switch { 0 => (uint)random.Next(), 1 => (uint)random.Next(0x1000), _ => 0x8000u | (uint)random.Next(0x200) },
        '8' => random.Next(3) == 0 ? (ulong)random.NextInt64() << random.Next(2) : (ulong)random.Next(5000),
        's' => Name(random),
        _ => Enumerable.Range(0, random.Next(5)).Select(_ => Name(random)).ToArray(),
    };

    private static string Name(Random random) => random.Next(16) switch
    {
        0 => "..",
        1 => "../canary",
        2 => "../canary/secret",
        3 => "/etc/passwd",
        4 => "",
        5 => ".",
        6 => new string('n', random.Next(300)),
        7 => "user.x",
        8 => Encoding.Latin1.GetString(Enumerable.Range(0, random.Next(9)).Select(_ => (byte)random.Next(256)).ToArray()),
        int i => "abc"[i % 3].ToString(),
    };

    private static byte[] Mutate(Random random, byte[] message)
    {
        for (int i = random.Next(4); i >= 0 && message.Length > 0; i--) message[random.Next(message.Length)] = (byte)random.Next(256);
        return message[..random.Next(message.Length + 1)];
    }
}
