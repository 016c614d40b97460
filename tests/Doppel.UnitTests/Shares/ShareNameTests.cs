using Doppel.Host.Shares;

namespace Doppel.UnitTests.Shares;

/// <summary>Messages about names: what is made, linked, renamed and removed, and which names there are.</summary>
public sealed class ShareNameTests : IDisposable
{
    private const byte LOpen = 12, Symlink = 16, MkNod = 18, Rename = 20, ReadLink = 22, SetAttr = 26, Link = 70, MkDir = 72;
    private const byte RenameAt = 74, UnlinkAt = 76, Read = 116, Clunk = 120, Remove = 122;

    private readonly ShareFolder _folder = new();
    private readonly ShareClient _client;

    public ShareNameTests()
    {
        File.WriteAllText(_folder.File("file"), "hello");
        Directory.CreateDirectory(_folder.File("folder", "inner"));
        File.WriteAllText(_folder.File("folder", "inner", "deep"), "deep");
        _client = _folder.Connect();
    }

    public void Dispose()
    {
        _client.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(Errno.EEXIST, ".")]
    [InlineData(Errno.EEXIST, "..")]
    [InlineData(Errno.ENOENT, "")]
    [InlineData(Errno.EINVAL, "../x")]
    [InlineData(Errno.EINVAL, "a\0b")]
    public void Create_UnderWhatIsNoName_Fails(int errno, string name)
    {
        Assert.Equal(errno, _client.Create(out _, [], name, ShareClient.ReadWrite, 0x1B6));
        Assert.Equal(errno, _client.Call(MkDir, 0u, name, 0x1FFu, 0u).Errno);
        Assert.Equal(errno, _client.Call(Symlink, 0u, name, "x", 0u).Errno);
        Assert.Equal(errno, _client.Call(MkNod, 0u, name, 0x81B6u, 0u, 0u, 0u).Errno);
    }

    [Theory]
    [InlineData("with space")]
    [InlineData("line\nbreak")]
    [InlineData("\xff\xfe\x80not UTF-8")]
    [InlineData("-rf *'\"$`\\")]
    [InlineData("...")]
    public void Names_OfAnyBytes_AreKept(string name)
    {
        Assert.Equal(0, _client.Create(out uint fid, ["folder"], name, ShareClient.ReadWrite, 0x1B6));
        Assert.Equal(0, _client.Write(fid, 0, "x", out _));
        Assert.Equal("x", _client.ReadFile("folder", name));
        uint folder = _client.MustWalk("folder");
        _client.Do(LOpen, folder, 0u);
        Assert.Contains(name, _client.ReadFolder(folder, 4096));
        _client.Do(UnlinkAt, _client.MustWalk("folder"), name, 0u);
    }

    [Fact]
    public void Names_OfTwoHundredAndFiftyFiveBytes_AreKept()
    {
        _client.Do(MkDir, 0u, new string('n', 255), 0x1FFu, 0u);
        _client.MustWalk(new string('n', 255));
        Assert.Equal(Errno.ENAMETOOLONG, _client.Call(MkDir, 0u, new string('n', 256), 0x1FFu, 0u).Errno);
    }

    [Fact]
    public void Names_ThatDifferInCase_AreDifferent()
    {
        _client.Do(MkDir, 0u, "FILE", 0x1FFu, 0u);
        Assert.Equal("hello", _client.ReadFile("file"));
    }

    [Theory]
    [InlineData("file")]
    [InlineData("/etc/passwd")]
    [InlineData("../canary/secret")]
    [InlineData("\xff\xfe")]
    public void Symlink_WithAnyTarget_IsOnlyText(string target)
    {
        Assert.Equal(0x02, _client.Do(Symlink, 0u, "link", target, 0u).Qid().Type);
        uint link = _client.MustWalk("link");
        Assert.Equal(target, _client.Do(ReadLink, link).String());
        Assert.Equal(Errno.ENOTDIR, _client.WalkFrom(link, out _, "secret"));
        Assert.Equal(Errno.EOPNOTSUPP, TrySet(link, 1, mode: 0x1FF));
        Assert.Equal(Errno.EINVAL, TrySet(link, 8, size: 0));
    }

    [Fact]
    public void ReadLink_OfAFile_IsInvalid() => Assert.Equal(Errno.EINVAL, _client.Call(ReadLink, _client.MustWalk("file")).Errno);

    [Fact]
    public void MakeNode_Devices_AreRefused()
    {
        Assert.Equal(Errno.EPERM, _client.Call(MkNod, 0u, "null", 0x21B6u, 1u, 3u, 0u).Errno);
        Assert.Equal(Errno.EPERM, _client.Call(MkNod, 0u, "disk", 0x61B6u, 8u, 0u, 0u).Errno);
        Assert.Equal(Errno.EPERM, _client.Call(MkNod, 0u, "folder2", 0x41FFu, 0u, 0u, 0u).Errno);
        Assert.Equal(Errno.EINVAL, _client.Call(MkNod, 0u, "link", 0xA1FFu, 0u, 0u, 0u).Errno);
        _client.Do(MkNod, 0u, "socket", 0xC1FFu, 0u, 0u, 0u);
        _client.Do(MkNod, 0u, "plain", 0x81B6u, 0u, 0u, 0u);
        Assert.Equal(0x81B6u, _client.Look(_client.MustWalk("plain")).Mode);
    }

    [Fact]
    public void MakeFolder_ThatIsThere_IsRefused()
    {
        Assert.Equal(0x80, _client.Do(MkDir, 0u, "new", 0x1C0u, 0u).Qid().Type);
        Assert.Equal(Errno.EEXIST, _client.Call(MkDir, 0u, "new", 0x1C0u, 0u).Errno);
        Assert.Equal(0x41C0u, _client.Look(_client.MustWalk("new")).Mode);
    }

    [Fact]
    public void Link_ToAFile_IsTheSameFile()
    {
        uint file = _client.MustWalk("file");
        _client.Do(Link, _client.MustWalk("folder"), file, "other");
        Assert.Equal(2ul, _client.Look(file).Links);
        Assert.Equal("hello", _client.ReadFile("folder", "other"));
        Assert.Equal(Errno.EPERM, _client.Call(Link, 0u, _client.MustWalk("folder"), "loop").Errno);
        Assert.Equal(Errno.EEXIST, _client.Call(Link, 0u, file, "folder").Errno);
    }

    [Fact]
    public void RenameAt_OfAFolder_TakesHandlesBelowItAlong()
    {
        uint deep = _client.MustWalk("folder", "inner", "deep"), inner = _client.MustWalk("folder", "inner");
        _client.Do(RenameAt, 0u, "folder", 0u, "moved");
        Assert.Equal(0, _client.Open(deep, 0));
        _client.Do(MkDir, inner, "made", 0x1FFu, 0u);
        Assert.True(Directory.Exists(_folder.File("moved", "inner", "made")));
        _client.Do(RenameAt, _client.MustWalk("moved"), "inner", 0u, "up");
        Assert.Equal(0, _client.WalkFrom(deep, out uint above));
        Assert.Equal(4ul, _client.Look(above).Size);
        Assert.Equal(Errno.EINVAL, _client.Call(RenameAt, 0u, "up", inner, "loop").Errno);
    }

    [Fact]
    public void Rename_ByHandle_ReplacesWhatIsThere()
    {
        File.WriteAllText(_folder.File("victim"), "victim");
        uint victim = _client.MustWalk("victim"), file = _client.MustWalk("file");
        _client.Do(Rename, file, 0u, "victim");
        Assert.Equal("hello", File.ReadAllText(_folder.File("victim")));
        Assert.Equal(0, _client.Open(victim, 0));
        Assert.Equal("victim", _client.Do(Read, victim, 0UL, 100u).Text);
        Assert.Equal(0, _client.Open(file, 0));
        Assert.Equal("hello", _client.Do(Read, file, 0UL, 100u).Text);
        Assert.Equal(Errno.EBUSY, _client.Call(Rename, 0u, 0u, "root").Errno);
    }

    [Theory]
    [InlineData(Errno.EBUSY, ".", "x")]
    [InlineData(Errno.EBUSY, "file", "..")]
    [InlineData(Errno.ENOENT, "missing", "x")]
    [InlineData(Errno.EINVAL, "file", "../x")]
    [InlineData(Errno.ENOTEMPTY, "empty", "folder")]
    [InlineData(Errno.EISDIR, "file", "folder")]
    [InlineData(Errno.ENOTDIR, "folder", "file")]
    public void RenameAt_ThatCanNotBe_Fails(int errno, string from, string to)
    {
        Directory.CreateDirectory(_folder.File("empty"));
        Assert.Equal(errno, _client.Call(RenameAt, 0u, from, 0u, to).Errno);
    }

    [Theory]
    [InlineData(Errno.EISDIR, "folder", 0u)]
    [InlineData(Errno.ENOTDIR, "file", 0x200u)]
    [InlineData(Errno.ENOTEMPTY, "folder", 0x200u)]
    [InlineData(Errno.ENOTEMPTY, "..", 0x200u)]
    [InlineData(Errno.EINVAL, ".", 0x200u)]
    [InlineData(Errno.EISDIR, "..", 0u)]
    [InlineData(Errno.ENOENT, "missing", 0u)]
    [InlineData(Errno.EINVAL, "file", 0x400u)]
    public void UnlinkAt_ThatCanNotBe_Fails(int errno, string name, uint flags) => Assert.Equal(errno, _client.Call(UnlinkAt, 0u, name, flags).Errno);

    [Fact]
    public void UnlinkAt_OfAnOpenFile_LeavesItReadable()
    {
        uint fid = _client.MustWalk("file");
        Assert.Equal(0, _client.Open(fid, ShareClient.ReadWrite));
        _client.Do(UnlinkAt, 0u, "file", 0u);
        Assert.Equal("hello", _client.Do(Read, fid, 0UL, 100u).Text);
        Assert.Equal(0ul, _client.Look(fid).Links);
        Assert.Equal(Errno.ENOENT, _client.Walk(out _, "file"));
    }

    [Fact]
    public void Remove_EndsTheHandleInAnyCase()
    {
        uint file = _client.MustWalk("file"), folder = _client.MustWalk("folder");
        _client.Do(Remove, file);
        Assert.False(File.Exists(_folder.File("file")));
        Assert.Equal(Errno.ENOTEMPTY, _client.Call(Remove, folder).Errno);
        Assert.Equal(Errno.EBADF, _client.Call(Clunk, folder).Errno);
        Assert.Equal(Errno.EBUSY, _client.Call(Remove, _client.MustWalk()).Errno);
    }

    private int TrySet(uint fid, uint valid, uint mode = 0, uint uid = 0, uint gid = 0, ulong size = 0, ulong accessed = 0, ulong modified = 0) =>
        _client.Call(SetAttr, fid, valid, mode, uid, gid, size, accessed, 0UL, modified, 0UL).Errno;
}
