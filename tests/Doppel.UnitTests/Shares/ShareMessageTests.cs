using Doppel.Devices.Backends.Share;
using Doppel.Host.Shares;

namespace Doppel.UnitTests.Shares;

/// <summary>Every message of the protocol, with what Linux expects of it.</summary>
public sealed class ShareMessageTests : IDisposable
{
    private const byte Statfs = 8, LOpen = 12, Symlink = 16, MkNod = 18, Rename = 20, ReadLink = 22, SetAttr = 26, XattrWalk = 30;
    private const byte XattrCreate = 32, ReadDir = 40, FSync = 50, Link = 70, MkDir = 72, RenameAt = 74;
    private const byte UnlinkAt = 76, Version = 100, Auth = 102, Attach = 104, Flush = 108, Walk = 110, Read = 116, Clunk = 120;
    private const byte Remove = 122;

    private readonly ShareFolder _folder = new();
    private readonly ShareClient _client;

    public ShareMessageTests()
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

    [Fact]
    public void Version_OfLinux_IsAgreedOn()
    {
        ShareAnswer answer = _client.Do(Version, 512000u, "9P2000.L");
        Assert.Equal(512000u, answer.Int());
        Assert.Equal("9P2000.L", answer.String());
    }

    [Fact]
    public void Version_LongMessages_AreCutToOurLimit() => Assert.Equal((uint)ShareServer.MaxMessage, _client.Do(Version, uint.MaxValue, "9P2000.L").Int());

    [Fact]
    public void Version_OfAnother_IsUnknown()
    {
        ShareAnswer answer = _client.Do(Version, 8192u, "9P2000.u");
        answer.Int();
        Assert.Equal("unknown", answer.String());
        Assert.Equal(Errno.EPROTO, _client.Call(Attach, 5u, ShareClient.NoFid, "", "", 0u).Errno);
    }

    [Fact]
    public void Version_ShortMessages_AreRefused() => Assert.Equal(Errno.EMSGSIZE, _client.Call(Version, 4095u, "9P2000.L").Errno);

    [Fact]
    public void Version_Again_EndsAllHandles()
    {
        _client.MustWalk("file");
        _client.Do(Version, 8192u, "9P2000.L");
        Assert.Equal(0, _client.Server.FidCount);
    }

    [Fact]
    public void Messages_BeforeTheVersion_AreAProtocolError()
    {
        using ShareClient fresh = new(_folder.Serve(), attach: false);
        Assert.Equal(Errno.EPROTO, fresh.Call(Attach, 0u, ShareClient.NoFid, "", "", 0u).Errno);
    }

    [Fact]
    public void Authentication_IsNotNeeded() => Assert.Equal(Errno.EOPNOTSUPP, _client.Call(Auth, 9u, "", "", 0u).Errno);

    [Fact]
    public void Attach_ToAHandleInUse_IsRefused() => Assert.Equal(Errno.EINVAL, _client.Call(Attach, 0u, ShareClient.NoFid, "", "", 0u).Errno);

    [Fact]
    public void Flush_OfAnything_Succeeds() => _client.Do(Flush, (ushort)77);

    [Theory]
    [InlineData((byte)0)]
    [InlineData((byte)7)]
    [InlineData((byte)255)]
    public void Messages_ThatDoNotExist_AreNotSupported(byte type) => Assert.Equal(Errno.EOPNOTSUPP, _client.Call(type, 0u).Errno);

    [Fact]
    public void Messages_WithoutTheirLastField_AreInvalid() => Assert.Equal(Errno.EINVAL, _client.Call(LOpen, 0u).Errno);

    [Fact]
    public void Messages_OfAHandleThatIsNone_AreRefused() => Assert.Equal(Errno.EBADF, _client.Call(Statfs, 99u).Errno);

    [Fact]
    public void Walk_ToADeepFile_NamesEachStep()
    {
        ShareAnswer answer = _client.Do(Walk, 0u, 1u, (string[])["folder", "inner", "deep"]);
        Assert.Equal(3, answer.Short());
        Assert.Equal([0x80, 0x80, 0], [answer.Qid().Type, answer.Qid().Type, answer.Qid().Type]);
    }

    [Fact]
    public void Walk_HalfWay_TellsHowFarAndMakesNoHandle()
    {
        ShareAnswer answer = _client.Do(Walk, 0u, 1u, (string[])["folder", "missing", "x"]);
        Assert.Equal(1, answer.Short());
        Assert.Equal(13, answer.Left);
        Assert.Equal(Errno.EBADF, _client.Call(Clunk, 1u).Errno);
    }

    [Fact]
    public void Walk_UpFromTheRoot_StaysThere()
    {
        ShareAnswer answer = _client.Do(Walk, 0u, 1u, (string[])["..", "..", "folder", "..", ".."]);
        Assert.Equal(5, answer.Short());
        (byte Type, uint Version, ulong Path) first = answer.Qid(), second = answer.Qid();
        Assert.Equal(first, second);
    }

    [Theory]
    [InlineData(Errno.ENOENT, "missing")]
    [InlineData(Errno.ENOENT, "")]
    [InlineData(Errno.EINVAL, "folder/inner")]
    [InlineData(Errno.EINVAL, "/etc")]
    [InlineData(Errno.EINVAL, "fi\0le")]
    public void Walk_ToWhatIsNoName_Fails(int errno, string name) => Assert.Equal(errno, _client.Walk(out _, name));

    [Fact]
    public void Walk_ToATooLongName_Fails() => Assert.Equal(Errno.ENAMETOOLONG, _client.Walk(out _, new string('x', 256)));

    [Fact]
    public void Walk_ThroughAFile_Fails() => Assert.Equal(2, _client.Walk(out _, "file", "x"));

    [Fact]
    public void Walk_FromAFile_IsNoFolder()
    {
        uint file = _client.MustWalk("file");
        Assert.Equal(Errno.ENOTDIR, _client.WalkFrom(file, out _, "x"));
    }

    [Fact]
    public void Walk_WithSeventeenNames_IsInvalid() =>
        Assert.Equal(Errno.EINVAL, _client.Call(Walk, 0u, 1u, Enumerable.Repeat(".", 17).ToArray()).Errno);

    [Fact]
    public void Walk_OntoItself_MovesTheHandle()
    {
        uint fid = _client.MustWalk("folder");
        _client.Do(Walk, fid, fid, (string[])["inner", "deep"]);
        Assert.Equal(4ul, _client.Look(fid).Size);
    }

    [Fact]
    public void Read_OfAFile_GivesItsBytes()
    {
        Assert.Equal("hello", _client.ReadFile("file"));
        uint fid = _client.MustWalk("file");
        _client.Do(LOpen, fid, 0u);
        Assert.Equal("llo", _client.Do(Read, fid, 2UL, 100u).Text);
        Assert.Equal("", _client.Do(Read, fid, 5UL, 100u).Text);
        Assert.Equal(Errno.EINVAL, _client.Call(Read, fid, ulong.MaxValue, 100u).Errno);
    }

    [Fact]
    public void Read_WithoutRoom_IsCut()
    {
        _client.TargetLength = 3;
        Assert.Equal("hel", _client.ReadFile("file"));
    }

    [Fact]
    public void Write_ToAFile_IsSeenByTheHostAtOnce()
    {
        uint fid = _client.MustWalk("file");
        Assert.Equal(0, _client.Open(fid, ShareClient.ReadWrite));
        Assert.Equal(0, _client.Write(fid, 3, "p me", out uint written));
        Assert.Equal(4u, written);
        Assert.Equal("help me", File.ReadAllText(_folder.File("file")));
    }

    [Fact]
    public void Write_ToAppend_GoesToTheEndThatTheHostKnows()
    {
        uint fid = _client.MustWalk("file");
        Assert.Equal(0, _client.Open(fid, ShareClient.WriteOnly | ShareClient.Append));
        File.AppendAllText(_folder.File("file"), " host");
        Assert.Equal(0, _client.Write(fid, 5, " guest", out _));
        Assert.Equal("hello host guest", File.ReadAllText(_folder.File("file")));
    }

    [Fact]
    public void Write_ThatPromisesMoreThanItBrings_IsInvalid()
    {
        uint fid = _client.MustWalk("file");
        Assert.Equal(0, _client.Open(fid, ShareClient.ReadWrite));
        Assert.Equal(Errno.EINVAL, _client.Send(_client.Encode(118, fid, 0UL, 100u), []).Errno);
    }

    [Fact]
    public void Open_AFolderForWriting_IsRefused() => Assert.Equal(Errno.EISDIR, _client.Open(_client.MustWalk("folder"), ShareClient.ReadWrite));

    [Fact]
    public void Open_Twice_IsRefused()
    {
        uint fid = _client.MustWalk("file");
        Assert.Equal(0, _client.Open(fid, 0));
        Assert.Equal(Errno.EINVAL, _client.Open(fid, 0));
    }

    [Fact]
    public void Open_ToTruncate_EmptiesTheFile()
    {
        Assert.Equal(0, _client.Open(_client.MustWalk("file"), ShareClient.WriteOnly | ShareClient.Truncate));
        Assert.Equal("", File.ReadAllText(_folder.File("file")));
    }

    [Fact]
    public void Open_APipe_DoesNotWait()
    {
        _client.Do(MkNod, 0u, "pipe", 0x1000u | 0x1B6, 0u, 0u, 0u);
        Assert.Equal(Errno.ENXIO, _client.Open(_client.MustWalk("pipe"), 0));
        Assert.Equal(Errno.ENXIO, _client.Create(out _, [], "pipe", ShareClient.WriteOnly, 0x1B6));
    }

    [Fact]
    public void Open_ASymlink_IsTheGuestsAffair()
    {
        _client.Do(Symlink, 0u, "link", "file", 0u);
        Assert.Equal(Errno.ELOOP, _client.Open(_client.MustWalk("link"), 0));
    }

    [Fact]
    public void Create_AFile_HasTheGuestsPermissions()
    {
        Assert.Equal(0, _client.Create(out uint fid, [], "new", ShareClient.ReadWrite | ShareClient.Exclusive, 0x1B6));
        Assert.Equal(0, _client.Write(fid, 0, "x", out _));
        Assert.Equal(0x81B6u, _client.Look(fid).Mode);
        Assert.Equal("x", File.ReadAllText(_folder.File("new")));
        Assert.Equal(Errno.EEXIST, _client.Create(out _, [], "new", ShareClient.ReadWrite | ShareClient.Exclusive, 0x1B6));
        Assert.Equal(0, _client.Create(out _, [], "new", ShareClient.ReadWrite, 0x1B6));
    }

    [Fact]
    public void Create_AReadOnlyFile_CanBeWrittenByWhoMadeIt()
    {
        Assert.Equal(0, _client.Create(out uint fid, [], "object", ShareClient.ReadWrite | ShareClient.Exclusive, 0x124));
        Assert.Equal(0, _client.Write(fid, 0, "x", out _));
        Assert.Equal(0x8124u, _client.Look(fid).Mode);
    }

    [Theory]
    [InlineData(64u)]
    [InlineData(300u)]
    [InlineData(100_000u)]
    public void ReadFolder_InPieces_NamesEachEntryOnce(uint piece)
    {
        string[] expected = [.. Enumerable.Range(0, 500).Select(static i => $"entry-{i}")];
        Directory.CreateDirectory(_folder.File("many"));
        foreach (string name in expected) File.WriteAllText(_folder.File("many", name), "");
        uint fid = _client.MustWalk("many");
        _client.Do(LOpen, fid, 0u);
        Assert.Equal(expected.Concat([".", ".."]).Order(StringComparer.Ordinal), _client.ReadFolder(fid, piece).Order(StringComparer.Ordinal));
        Assert.Equal(502, _client.ReadFolder(fid, piece).Count);
    }

    [Fact]
    public void ReadFolder_OfAFileOrAClosedFolder_Fails()
    {
        uint file = _client.MustWalk("file");
        Assert.Equal(Errno.EBADF, _client.Call(ReadDir, file, 0UL, 100u).Errno);
        _client.Do(LOpen, file, 0u);
        Assert.Equal(Errno.ENOTDIR, _client.Call(ReadDir, file, 0UL, 100u).Errno);
        Assert.Equal(Errno.EISDIR, ReadOf("folder").Errno);
    }

    [Fact]
    public void GetAttributes_OfTheHostUsersFile_ShowTheGuestsUserZero()
    {
        ShareAttributes attributes = _client.Look(_client.MustWalk("file"));
        Assert.Equal((0u, 0u, 1ul, 5ul), (attributes.Uid, attributes.Gid, attributes.Links, attributes.Size));
        Assert.Equal(0x8000u, attributes.Mode & 0xF000);
    }

    [Fact]
    public void SetAttributes_ModeSizeAndTimes_AreTheHosts()
    {
        uint fid = _client.MustWalk("file");
        Set(fid, 1, mode: 0x180);
        Set(fid, 8, size: 2);
        Set(fid, 0x10 | 0x20 | 0x80 | 0x100, accessed: 1_000_000_000, modified: 1_100_000_000);
        Assert.Equal("he", File.ReadAllText(_folder.File("file")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder.File("file")));
        ShareAttributes attributes = _client.Look(fid);
        Assert.Equal((0x8180u, 2ul, 1_100_000_000ul), (attributes.Mode, attributes.Size, attributes.Modified));
        Assert.Equal(Errno.EINVAL, TrySet(fid, 8, size: ulong.MaxValue));
        Assert.Equal(Errno.EISDIR, TrySet(_client.MustWalk("folder"), 8, size: 1));
    }

    [Fact]
    public void SetAttributes_Owner_IsKeptForTheGuestAndNotGivenAwayOnTheHost()
    {
        uint fid = _client.MustWalk("file"), before = HostOwner("file");
        Set(fid, 2 | 4, uid: 1000, gid: 100);
        Assert.Equal((1000u, 100u), (_client.Look(fid).Uid, _client.Look(fid).Gid));
        Assert.Equal(before, HostOwner("file"));
        Set(fid, 2, uid: 0);
        Assert.Equal((0u, 100u), (_client.Look(fid).Uid, _client.Look(fid).Gid));
    }

    [Fact]
    public void SetAttributes_OwnerOfAReadOnlyFile_IsKept()
    {
        uint fid = _client.MustWalk("file");
        Set(fid, 1, mode: 0x124);
        Set(fid, 2, uid: 7);
        Assert.Equal((0x8124u, 7u), (_client.Look(fid).Mode, _client.Look(fid).Uid));
    }

    [Fact]
    public void SetAttributes_SetUserId_TakesNoEffectOnTheHost()
    {
        uint fid = _client.MustWalk("file");
        Set(fid, 1, mode: 0xDED);
        Assert.Equal(0x8DEDu, _client.Look(fid).Mode);
        Assert.Equal(0u, (uint)File.GetUnixFileMode(_folder.File("file")) & 0xC00);
        Set(fid, 1, mode: 0x1ED);
        Assert.Equal(0x81EDu, _client.Look(fid).Mode);
    }

    [Fact]
    public void FileSystem_HasSpace()
    {
        ShareAnswer answer = _client.Do(Statfs, 0u);
        Assert.Equal(0x01021997u, answer.Int());
        Assert.True(answer.Int() > 0);
        Assert.True(answer.Long() > 0);
    }

    [Fact]
    public void Sync_OfAnOpenFile_Succeeds()
    {
        uint fid = _client.MustWalk("file");
        Assert.Equal(Errno.EBADF, _client.Call(FSync, fid, 0u).Errno);
        Assert.Equal(0, _client.Open(fid, ShareClient.ReadWrite));
        _client.Do(FSync, fid, 0u);
        _client.Do(FSync, fid, 1u);
    }

    [Fact]
    public void Attributes_OfUsers_AreSetReadListedAndRemoved()
    {
        SetXattr("user.color", "blue", 0);
        Set(_client.MustWalk("file"), 2, uid: 5);
        Assert.Equal("blue", GetXattr("user.color"));
        Assert.Equal("user.color\0", GetXattr(""));
        SetXattr("user.color", "", 0);
        Assert.Equal("", GetXattr("user.color"));
        Assert.Equal("user.color\0", GetXattr(""));
        // What Linux sends to remove one: no value for an attribute that must be there.
        SetXattr("user.color", "", 2);
        Assert.Equal("", GetXattr(""));
        Assert.Equal(Errno.ENODATA, _client.Call(XattrWalk, _client.MustWalk("file"), 900u, "user.color").Errno);
    }

    [Theory]
    [InlineData("user.doppel.owner")]
    [InlineData("security.capability")]
    [InlineData("trusted.overlay.opaque")]
    [InlineData("system.posix_acl_access")]
    public void Attributes_ThatMeanSomethingToTheHost_AreRefused(string name)
    {
        Assert.Equal(Errno.EOPNOTSUPP, _client.Call(XattrWalk, _client.MustWalk("file"), 900u, name).Errno);
        Assert.Equal(Errno.EOPNOTSUPP, _client.Call(XattrCreate, _client.MustWalk("file"), name, 4UL, 0u).Errno);
    }

    [Fact]
    public void Attributes_ThatAreTooLongOrNotSent_AreRefused()
    {
        Assert.Equal(Errno.E2BIG, _client.Call(XattrCreate, _client.MustWalk("file"), "user.x", 65537UL, 0u).Errno);
        uint fid = _client.MustWalk("file");
        _client.Do(XattrCreate, fid, "user.x", 4UL, 0u);
        Assert.Equal(Errno.ENOSPC, _client.Write(fid, 2, "abc", out _));
        Assert.Equal(Errno.EINVAL, _client.Call(Clunk, fid).Errno);
    }

    [Fact]
    public void ReadOnlyShare_RefusesEveryChange()
    {
        using ShareClient guest = _folder.Connect(new ShareOptions { IsReadOnly = true });
        string before = ShareFolder.Describe(_folder.Path);
        uint file = guest.MustWalk("file"), folder = guest.MustWalk("folder");
        Assert.Equal(Errno.EROFS, guest.Open(file, ShareClient.WriteOnly));
        Assert.Equal(Errno.EROFS, guest.Open(file, ShareClient.ReadOnly | ShareClient.Truncate));
        Assert.Equal(Errno.EROFS, guest.Create(out _, [], "new", ShareClient.ReadWrite, 0x1B6));
        Assert.Equal(Errno.EROFS, guest.Create(out _, [], "file", ShareClient.ReadOnly, 0x1B6));
        Assert.Equal(Errno.EROFS, guest.Call(MkDir, 0u, "new", 0x1FFu, 0u).Errno);
        Assert.Equal(Errno.EROFS, guest.Call(Symlink, 0u, "new", "x", 0u).Errno);
        Assert.Equal(Errno.EROFS, guest.Call(MkNod, 0u, "new", 0x81B6u, 0u, 0u, 0u).Errno);
        Assert.Equal(Errno.EROFS, guest.Call(Link, 0u, file, "new").Errno);
        Assert.Equal(Errno.EROFS, guest.Call(Rename, file, 0u, "new").Errno);
        Assert.Equal(Errno.EROFS, guest.Call(RenameAt, 0u, "file", 0u, "new").Errno);
        Assert.Equal(Errno.EROFS, guest.Call(UnlinkAt, 0u, "file", 0u).Errno);
        Assert.Equal(Errno.EROFS, guest.Call(XattrCreate, file, "user.x", 1UL, 0u).Errno);
        Assert.Equal(Errno.EROFS, guest.Call(SetAttr, file, 1u, 0x1FFu, 0u, 0u, 0UL, 0UL, 0UL, 0UL, 0UL).Errno);
        Assert.Equal(Errno.EROFS, guest.Call(Remove, folder).Errno);
        Assert.Equal(Errno.EBADF, guest.Call(Clunk, folder).Errno);
        Assert.Equal(0, guest.Open(file, ShareClient.ReadOnly));
        Assert.Equal(Errno.EBADF, guest.Write(file, 0, "x", out _));
        Assert.Equal("hello", guest.Do(Read, file, 0UL, 10u).Text);
        Assert.Equal(before, ShareFolder.Describe(_folder.Path));
    }

    [Fact]
    public void Handles_AreBounded()
    {
        using ShareClient guest = _folder.Connect(new ShareOptions { MaxFids = 100 });
        int[] errors = [.. Enumerable.Range(0, 200).Select(_ => guest.Walk(out uint _, "file"))];
        Assert.Equal(99, errors.Count(static e => e == 0));
        Assert.Equal(Errno.ENFILE, errors[^1]);
    }

    [Fact]
    public void Descriptors_AreBoundedAndFoundAgain()
    {
        using ShareClient guest = _folder.Connect(new ShareOptions { MaxDescriptors = 20 });
        uint[] fids = [.. Enumerable.Range(0, 300).Select(i => Deep(guest, i))];
        Assert.InRange(guest.Server.Session.Tree.Descriptors, 1, 20);
        Assert.All(fids, fid => Assert.Equal(0x41FFu, guest.Look(fid).Mode));
        Directory.Move(_folder.File("d7"), _folder.File("elsewhere"));
        Assert.Equal(Errno.ESTALE, guest.Call(24, fids[7], 0x7FFUL).Errno);
        int[] opened = [.. fids.Where((_, i) => i != 7).Select(fid => guest.Open(fid, 0))];
        Assert.Contains(0, opened);
        Assert.Contains(Errno.ENFILE, opened);
        Assert.InRange(guest.Server.Session.Tree.Descriptors, 1, 20);
    }

    [Fact]
    public void Descriptors_OfOneFileOpenedAgainAndAgain_AreBounded()
    {
        using ShareClient guest = _folder.Connect(new ShareOptions { MaxDescriptors = 20 });
        uint file = guest.MustWalk("file");
        uint[] fids = [.. Enumerable.Range(0, 100).Select(_ => Clone(guest, file))];
        int[] errors = [.. fids.Select(fid => guest.Open(fid, 0))];
        Assert.Equal((Errno.None, Errno.ENFILE), (errors[0], errors[^1]));
        Assert.InRange(guest.Server.Session.Tree.Descriptors, 1, 20);
        guest.Clunk(fids[0]);
        Assert.Equal(0, guest.Open(fids[^1], 0));
    }

    [Fact]
    public void Descriptors_OfFilesThatAreNotOpen_AreAPartOfAll()
    {
        using ShareClient guest = _folder.Connect(new ShareOptions { MaxDescriptors = 16_000 });
        foreach (int i in Enumerable.Range(0, 1_100)) guest.Do(MkDir, 0u, $"d{i}", 0x1FFu, 0u);
        uint[] fids = [.. Enumerable.Range(0, 1_100).Select(i => guest.MustWalk($"d{i}"))];
        Assert.InRange(guest.Server.Session.Tree.Descriptors, 500, 1_024);
        Assert.All(fids, fid => Assert.Equal(0, guest.Open(fid, 0)));
        Assert.InRange(guest.Server.Session.Tree.Descriptors, 1_100, 2_200);
    }

    [Fact]
    public void Quickly_WhatMayWaitForADisk_IsLeftAlone()
    {
        uint fid = OpenFile();
        byte[] room = new byte[4096];
        Assert.False(_client.Server.TryServeQuickly(_client.Encode(FSync, fid, 0u), room, _client, out _));
        Assert.False(_client.Server.TryServeQuickly(_client.Encode(Read, fid, 0UL, 200_000u), room, _client, out _));
        Assert.False(_client.Server.TryServeQuickly(_client.Encode(118, fid, 0UL, 200_000u), room, _client, out _));
        Assert.True(_client.Server.TryServeQuickly(_client.Encode(24, fid, 0x7FFUL), room, _client, out ShareReply reply));
        Assert.Equal((25, 160), (room[4], reply.Head));
        // Just written, so in memory; where a file system can not tell, it is left alone too.
        bool isDone = _client.Server.TryServeQuickly(_client.Encode(Read, fid, 0UL, 5u), room, _client, out reply);
        Assert.Equal(5u * Convert.ToUInt32(isDone), reply.Bulk);
    }

    [Fact]
    public void Files_ThatHandlesLeadThrough_AreBounded()
    {
        using ShareClient guest = _folder.Connect(new ShareOptions { MaxNodes = 100 });
        uint fid = guest.MustWalk();
        int depth = 0;
        while (guest.Call(MkDir, fid, "d", 0x1FFu, 0u).Errno == 0 && guest.Call(Walk, fid, fid, (string[])["d"]).Errno == 0) depth++;
        Assert.InRange(depth, 90, 100);
        guest.Clunk(fid);
        Assert.Equal(0, guest.Walk(out _, "d", "d"));
    }

    [Fact]
    public void AttributesThatAreWritten_AreBounded()
    {
        uint[] fids = [.. Enumerable.Range(0, 300).Select(_ => _client.MustWalk("file"))];
        int[] errors = [.. fids.Select(fid => _client.Call(XattrCreate, fid, "user.x", 65536UL, 0u).Errno)];
        Assert.Equal(256, errors.Count(static e => e == 0));
        Assert.Equal(Errno.ENOSPC, errors[^1]);
        Assert.Equal(Errno.EINVAL, _client.Call(Clunk, fids[0]).Errno);
        Assert.Equal(0, _client.Call(XattrCreate, fids[299], "user.x", 65536UL, 0u).Errno);
    }

    [Fact]
    public void Messages_WithoutRoomForTheReply_SaySo()
    {
        _client.Do(Symlink, 0u, "long", new string('t', 4000), 0u);
        _client.Do(Version, 4096u, "9P2000.L");
        _client.Do(Attach, 0u, ShareClient.NoFid, "", "", 0u);
        Assert.Equal(new string('t', 4000), _client.Do(ReadLink, _client.MustWalk("long")).String());
        byte[] room = new byte[100];
        byte[] message = _client.Encode(ReadLink, _client.MustWalk("long"));
        Assert.Equal(new ShareReply(11, 0), _client.Server.Serve(message, room, _client));
        Assert.Equal((byte)Errno.EMSGSIZE, room[7]);
    }

    private static uint Clone(ShareClient guest, uint fid)
    {
        Assert.Equal(0, guest.WalkFrom(fid, out uint clone));
        return clone;
    }

    private static uint Deep(ShareClient guest, int i)
    {
        guest.Do(MkDir, 0u, $"d{i}", 0x1FFu, 0u);
        uint folder = guest.MustWalk($"d{i}");
        guest.Do(MkDir, folder, "x", 0x1FFu, 0u);
        return guest.MustWalk($"d{i}", "x");
    }

    private uint HostOwner(string name)
    {
        Assert.Equal(0, HostEntry.TryOpenFolder(_folder.Path, out HostEntry? root));
        using (root)
        {
            Assert.Equal(0, root!.Find(System.Text.Encoding.UTF8.GetBytes(name), out HostEntry? entry));
            using (entry)
            {
                entry!.GetStatus(out HostFileStatus status);
                return status.Uid;
            }
        }
    }

    private ShareAnswer ReadOf(string name)
    {
        uint fid = _client.MustWalk(name);
        _client.Do(LOpen, fid, 0u);
        return _client.Call(Read, fid, 0UL, 100u);
    }

    private uint OpenFile()
    {
        uint fid = _client.MustWalk("file");
        _client.Do(LOpen, fid, ShareClient.ReadWrite);
        return fid;
    }

    private void SetXattr(string name, string value, uint flags)
    {
        uint fid = _client.MustWalk("file");
        _client.Do(XattrCreate, fid, name, (ulong)value.Length, flags);
        Assert.Equal(0, _client.Write(fid, 0, value, out _));
        _client.Clunk(fid);
    }

    private string GetXattr(string name)
    {
        uint fid = _client.NextFid++;
        ulong length = _client.Do(XattrWalk, _client.MustWalk("file"), fid, name).Long();
        string value = _client.Do(Read, fid, 0UL, 65536u).Text;
        Assert.Equal((ulong)value.Length, length);
        _client.Clunk(fid);
        return value;
    }

    private void Set(uint fid, uint valid, uint mode = 0, uint uid = 0, uint gid = 0, ulong size = 0, ulong accessed = 0, ulong modified = 0) =>
        Assert.Equal(0, TrySet(fid, valid, mode, uid, gid, size, accessed, modified));

    private int TrySet(uint fid, uint valid, uint mode = 0, uint uid = 0, uint gid = 0, ulong size = 0, ulong accessed = 0, ulong modified = 0) =>
        _client.Call(SetAttr, fid, valid, mode, uid, gid, size, accessed, 0UL, modified, 0UL).Errno;
}
