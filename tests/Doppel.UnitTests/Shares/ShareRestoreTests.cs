using Doppel.Devices.Backends.Share;
using Doppel.Host.Shares;

namespace Doppel.UnitTests.Shares;

/// <summary>A server that is made again from another's state goes on where that one was.</summary>
public sealed class ShareRestoreTests : IDisposable
{
    private readonly ShareFolder _folder = new();
    private readonly ShareClient _client;

    public ShareRestoreTests()
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
    public void Restore_OpenAndPlainHandles_GoOn()
    {
        uint deep = _client.MustWalk("folder", "inner", "deep"), file = _client.MustWalk("file"), folder = _client.MustWalk("folder");
        Assert.Equal(0, _client.Open(deep, ShareClient.ReadWrite | ShareClient.Truncate));
        Assert.Equal(0, _client.Write(deep, 0, "written", out _));
        ShareServerState state = _client.Server.Save();
        Reconnect(state);
        Assert.Equal("written", _client.Do(116, deep, 0UL, 100u).Text);
        Assert.Equal(0, _client.Write(deep, 0, "W", out _));
        Assert.Equal("Written", File.ReadAllText(_folder.File("folder", "inner", "deep")));
        Assert.Equal(5ul, _client.Look(file).Size);
        _client.Do(72, folder, "made", 0x1FFu, 0u);
        Assert.Equal(state.Fids.Select(static f => f.Number), _client.Server.Save().Fids.Select(static f => f.Number));
    }

    [Fact]
    public void Restore_AFolderHalfRead_GoesOnThere()
    {
        foreach (int i in Enumerable.Range(0, 300)) File.WriteAllText(_folder.File("folder", $"entry-{i}"), "");
        uint fid = _client.MustWalk("folder");
        Assert.Equal(0, _client.Open(fid, 0));
        List<string> names = [];
        ulong place = ReadPart(fid, 0, names);
        Reconnect(_client.Server.Save());
        while (ReadPart(fid, place, names) is var next && next != place) place = next;
        Assert.Equal(303, names.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(303, names.Count);
    }

    [Fact]
    public void Restore_OpenFilesWithoutAName_KeepTheirContent()
    {
        uint one = _client.MustWalk("file"), two = _client.MustWalk("file");
        Assert.Equal(0, _client.Open(one, ShareClient.WriteOnly));
        Assert.Equal(0, _client.Open(two, ShareClient.ReadOnly));
        _client.Do(76, 0u, "file", 0u);
        Reconnect(_client.Server.Save());
        Assert.False(File.Exists(_folder.File("file")));
        Assert.Equal("hello", _client.Do(116, two, 0UL, 100u).Text);
        Assert.Equal(0, _client.Write(one, 0, "J", out _));
        Assert.Equal("Jello", _client.Do(116, two, 0UL, 100u).Text);
        Assert.Equal((5ul, 0ul), (_client.Look(two).Size, _client.Look(two).Links));
    }

    [Fact]
    public void Restore_WhatTheHostReplaced_IsStale()
    {
        uint file = _client.MustWalk("file"), deep = _client.MustWalk("folder", "inner", "deep");
        ShareServerState state = _client.Server.Save();
        File.WriteAllText(_folder.File("other"), "other");
        File.Move(_folder.File("other"), _folder.File("file"), overwrite: true);
        Directory.Delete(_folder.File("folder", "inner"), recursive: true);
        Reconnect(state);
        Assert.Equal(Errno.ESTALE, _client.Call(24, file, 0x7FFUL).Errno);
        Assert.Equal(Errno.ESTALE, _client.Open(deep, 0));
        _client.Clunk(file);
        _client.Clunk(deep);
        Assert.Equal("other", _client.ReadFile("file"));
    }

    [Fact]
    public void Restore_AttributesAndLocks_AreThere()
    {
        uint written = _client.MustWalk("file"), locked = _client.MustWalk("file");
        _client.Do(32, written, "user.x", 4UL, 0u);
        Assert.Equal(0, _client.Write(written, 0, "ab", out _));
        Assert.Equal(0, _client.Open(locked, ShareClient.ReadWrite));
        Assert.Equal(0, _client.Do(52, locked, (byte)1, 0u, 0UL, 10UL, 100u, "guest").Byte());
        Reconnect(_client.Server.Save());
        Assert.Equal(0, _client.Write(written, 2, "cd", out _));
        _client.Clunk(written);
        Assert.Equal(4ul, _client.Do(30, _client.MustWalk("file"), 900u, "user.x").Long());
        using HostLocker host = new(_folder.File("file"));
        Assert.Equal((Errno.EAGAIN, Errno.None), (host.Lock(1, 5, 1), host.Lock(1, 10, 1)));
        _client.Clunk(locked);
        Assert.Equal(0, host.Lock(1, 5, 1));
    }

    [Fact]
    public void Restore_AStateThatSomebodyMadeUp_DoesNotLeaveTheShare()
    {
        ShareServerState state = new()
        {
            MessageLimit = 8192,
            Fids =
            [
                new ShareFidState { Number = 1, Path = ["..\0"u8.ToArray()] },
                new ShareFidState { Number = 2, Path = [".."u8.ToArray(), "canary"u8.ToArray()] },
                new ShareFidState { Number = 3, Path = ["../canary/secret"u8.ToArray()], Open = HostOpenFlags.ReadWrite },
                new ShareFidState { Number = 4, Path = null, Open = HostOpenFlags.ReadWrite, Orphan = 7 },
                new ShareFidState { Number = 4, Path = [] },
            ],
        };
        Reconnect(state);
        Assert.All((uint[])[1, 2, 3, 4], fid => Assert.Equal(Errno.ESTALE, _client.Call(24, fid, 0x7FFUL).Errno));
        _folder.AssertCanaryIsUntouched();
    }

    private void Reconnect(ShareServerState state)
    {
        _client.Server.Dispose();
        _client.Server = _folder.Serve();
        _client.Server.Restore(state);
    }

    private ulong ReadPart(uint fid, ulong place, List<string> names)
    {
        ShareAnswer answer = _client.Do(40, fid, place, 1000u);
        answer.Int();
        while (answer.Left > 0)
        {
            answer.Qid();
            place = answer.Long();
            answer.Byte();
            names.Add(answer.String());
        }
        return place;
    }
}
