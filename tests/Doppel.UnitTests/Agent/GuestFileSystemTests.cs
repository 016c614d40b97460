using System.Security.Cryptography;
using System.Text;
using Doppel.Agent;
using Doppel.UnitTests.Images;

namespace Doppel.UnitTests.Agent;

/// <summary>Files through the real agent. Both ends are this host's file system, in different folders.</summary>
public sealed class GuestFileSystemTests : IAsyncLifetime, IDisposable
{
    private readonly TemporaryFolder _host = new(), _guest = new();
    private AgentProgram _program = null!;
    private GuestAgent _agent = null!;

    public async Task InitializeAsync() => (_program, _agent) = await AgentProgram.StartAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose()
    {
        _program.Dispose();
        _host.Dispose();
        _guest.Dispose();
    }

    [Fact]
    public async Task WriteAndRead_LargeFile_IsTheSame()
    {
        byte[] content = RandomNumberGenerator.GetBytes(2_500_000);
        await _agent.Files.WriteAsync(_guest["f"], content, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Equal(content, await File.ReadAllBytesAsync(_guest["f"]));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_guest["f"]));
        Assert.Equal(content, await _agent.Files.ReadAsync(_guest["f"]));
        Assert.True(File.GetLastWriteTimeUtc(_guest["f"]) > File.GetLastWriteTimeUtc(AgentProgram.Path));
    }

    [Fact]
    public async Task Write_EmptyOverLonger_IsEmpty()
    {
        _guest.Write("f", "long");
        await _agent.Files.WriteAsync(_guest["f"], ReadOnlyMemory<byte>.Empty);
        Assert.Equal("", await File.ReadAllTextAsync(_guest["f"]));
        Assert.Empty(await _agent.Files.ReadAsync(_guest["f"]));
    }

    [Fact]
    public async Task Read_WhatIsNotThere_SaysSo()
    {
        GuestAgentException error = await Assert.ThrowsAsync<GuestAgentException>(() => _agent.Files.ReadAsync(_guest["none"]));
        Assert.Equal(2, error.ErrorNumber);
        Assert.Contains(_guest["none"], error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<GuestAgentException>(() => _agent.Files.ReadAsync(_guest.Path));
        await Assert.ThrowsAsync<GuestAgentException>(() => _agent.Files.WriteAsync(_guest["none/f"], new byte[200_000]));
    }

    [Fact]
    public async Task Find_TellsKindSizeAndMode()
    {
        _guest.Write("f", "12345");
        File.CreateSymbolicLink(_guest["l"], "f");
        GuestFileInfo file = (await _agent.Files.FindAsync(_guest["l"]))!;
        Assert.Equal((GuestFileKind.File, 5L, File.GetUnixFileMode(_guest["f"])), (file.Kind, file.Size, file.Mode));
        Assert.Equal(GuestFileKind.Folder, (await _agent.Files.FindAsync(_guest.Path))!.Kind);
        Assert.Null(await _agent.Files.FindAsync(_guest["none"]));
        Assert.Null(await _agent.Files.FindAsync(_guest["f/below"]));
    }

    [Fact]
    public async Task CopyInThenOut_Tree_IsTheSame()
    {
        string source = MakeTree(_host["tree"]);
        await _agent.Files.CopyInAsync(source, _guest["copy"]);
        AssertSame(source, _guest["copy"]);
        await _agent.Files.CopyOutAsync(_guest["copy"], _host["back"]);
        AssertSame(source, _host["back"]);
    }

    [Fact]
    public async Task Read_LongerThanIsTaken_IsRefused()
    {
        _guest.Write("f", "12345");
        Assert.Equal("12345"u8.ToArray(), await _agent.Files.ReadAsync(_guest["f"], maxBytes: 5));
        GuestAgentException error = await Assert.ThrowsAsync<GuestAgentException>(() => _agent.Files.ReadAsync(_guest["f"], maxBytes: 4));
        Assert.Contains("longer than 4 bytes", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<GuestAgentException>(() => _agent.Files.ReadAsync("/dev"));
    }

    [Fact]
    public async Task Copy_WithProgress_CountsAllBytes()
    {
        await File.WriteAllBytesAsync(_host["f"], new byte[300_000]);
        Count into = new(), back = new();
        await _agent.Files.CopyInAsync(_host["f"], _guest["f"], into);
        await _agent.Files.CopyOutAsync(_guest["f"], _host["back"], back);
        Assert.Equal((300_000L, 300_000L), (into.Last, back.Last));
        Assert.True(into.Reports > 1 && back.Reports > 1);
    }

    [Fact]
    public async Task Copy_ToAFolderThatIsThere_GoesIntoIt()
    {
        _host.Write("f", "one");
        await _agent.Files.CopyInAsync(_host["f"], _guest.Path);
        Assert.Equal("one", await File.ReadAllTextAsync(_guest["f"]));
        await _agent.Files.CopyInAsync(_host["f"], _guest["renamed"]);
        Directory.CreateDirectory(_host["into"]);
        await _agent.Files.CopyOutAsync(_guest["renamed"], _host["into"]);
        Assert.Equal("one", await File.ReadAllTextAsync(_host["into/renamed"]));
    }

    [Fact]
    public async Task CopyOut_FileOverALink_ReplacesTheLink()
    {
        _guest.Write("f", "new");
        _host.Write("precious", "old");
        File.CreateSymbolicLink(_host["f"], _host["precious"]);
        await _agent.Files.CopyOutAsync(_guest["f"], _host["f"]);
        Assert.Equal("old", await File.ReadAllTextAsync(_host["precious"]));
        Assert.Equal("new", await File.ReadAllTextAsync(_host["f"]));
    }

    [Fact]
    public async Task Copy_NamedLink_CopiesWhatItLeadsTo()
    {
        _guest.Write("f", "content");
        File.CreateSymbolicLink(_guest["l"], "f");
        await _agent.Files.CopyOutAsync(_guest["l"], _host["out"]);
        File.CreateSymbolicLink(_host["l"], "out");
        await _agent.Files.CopyInAsync(_host["l"], _guest["in"]);
        Assert.Equal(("content", null), (await File.ReadAllTextAsync(_guest["in"]), new FileInfo(_guest["in"]).LinkTarget));
    }

    [Fact]
    public async Task CopyIn_WhatIsNotThere_SaysSo() =>
        await Assert.ThrowsAsync<FileNotFoundException>(() => _agent.Files.CopyInAsync(_host["none"], _guest["x"]));

    [Fact]
    public async Task Copy_OfWhatAFolderHasInIt_LeavesItsNameOut()
    {
        Directory.CreateDirectory(_host["site"]);
        Directory.CreateDirectory(_guest["www"]);
        _host.Write("site/page", "one");
        await _agent.Files.CopyInAsync(_host["site/."], _guest["www"]);
        Assert.Equal("one", await File.ReadAllTextAsync(_guest["www/page"]));
        Directory.CreateDirectory(_host["back"]);
        await _agent.Files.CopyOutAsync(_guest["www/."], _host["back"]);
        Assert.Equal("one", await File.ReadAllTextAsync(_host["back/page"]));
    }

    [Fact]
    public async Task Copy_OfAPipeItself_SaysThatItIsNoFile()
    {
        Tool.Run("mkfifo", _host["pipe"]);
        IOException error = await Assert.ThrowsAsync<IOException>(() => _agent.Files.CopyInAsync(_host["pipe"], _guest["x"]));
        Assert.Contains("neither a file nor a folder", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<GuestAgentException>(() => _agent.Files.CopyOutAsync("/dev/null", _host["null"]));
        Assert.False(Path.Exists(_host["null"]));
    }

    [Fact]
    public async Task List_GivenUp_LeavesNothingOpenInTheAgent()
    {
        MakeTree(_guest["tree"]);
        for (int i = 0; i < 600; i++)
        {
            using CancellationTokenSource limit = new();
            Task<IReadOnlyList<GuestFileInfo>> list = _agent.Files.ListAsync(_guest["tree"], limit.Token);
            await limit.CancelAsync();
            await list.ContinueWith(static _ => { }, TaskScheduler.Default);
        }
        Assert.Equal(GuestFileKind.Folder, (await _agent.Files.FindAsync(_guest.Path))!.Kind);
    }

    [Fact]
    public async Task CopyIn_PipesAndSockets_AreLeftOut()
    {
        Directory.CreateDirectory(_host["tree"]);
        _host.Write("tree/f", "1");
        Tool.Run("mkfifo", _host["tree/pipe"]);
        await _agent.Files.CopyInAsync(_host["tree"], _guest["tree"]);
        Assert.Equal(["f"], new DirectoryInfo(_guest["tree"]).EnumerateFileSystemInfos().Select(static f => f.Name));
    }

    [Fact]
    public async Task List_Folder_NamesAllBelow()
    {
        MakeTree(_guest["tree"]);
        IReadOnlyList<GuestFileInfo> entries = await _agent.Files.ListAsync(_guest["tree"]);
        Assert.Equal(["deep", "deep/deeper", "deep/deeper/f", "empty", "exe", "lönk", "many"], entries.Where(static e => !e.Path.StartsWith("many/", StringComparison.Ordinal)).Select(static e => e.Path).Order(StringComparer.Ordinal));
        Assert.Equal(300, entries.Count(static e => e.Path.StartsWith("many/", StringComparison.Ordinal)));
    }

    private sealed class Count : IProgress<long>
    {
        internal long Last { get; private set; }

        internal int Reports { get; private set; }

        public void Report(long value)
        {
            Last = value;
            Reports++;
        }
    }

    private string MakeTree(string root)
    {
        Directory.CreateDirectory(Path.Combine(root, "deep", "deeper"));
        Directory.CreateDirectory(Path.Combine(root, "many"));
        File.WriteAllBytes(Path.Combine(root, "deep", "deeper", "f"), RandomNumberGenerator.GetBytes(100_000));
        File.WriteAllText(Path.Combine(root, "exe"), "#!/bin/sh\n");
        File.SetUnixFileMode(Path.Combine(root, "exe"), (UnixFileMode)0x1ED);
        File.WriteAllText(Path.Combine(root, "empty"), "");
        File.SetLastWriteTimeUtc(Path.Combine(root, "empty"), new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        File.CreateSymbolicLink(Path.Combine(root, "lönk"), "no/such/place");
        for (int i = 0; i < 300; i++) File.WriteAllText(Path.Combine(root, "many", $"file with a rather long name {i}"), $"{i}");
        Directory.SetLastWriteTimeUtc(Path.Combine(root, "deep", "deeper"), DateTime.UnixEpoch.AddDays(1));
        Directory.SetLastWriteTimeUtc(Path.Combine(root, "deep"), DateTime.UnixEpoch.AddDays(2));
        Directory.SetLastWriteTimeUtc(root, DateTime.UnixEpoch);
        return root;
    }

    private static void AssertSame(string expected, string actual) => Assert.Equal(Describe(expected), Describe(actual));

    private static string Describe(string root)
    {
        StringBuilder text = new();
        foreach (FileSystemInfo file in new DirectoryInfo(root).EnumerateFileSystemInfos("*", SearchOption.AllDirectories).OrderBy(static f => f.FullName, StringComparer.Ordinal))
        {
            string content = file is FileInfo { LinkTarget: null } plain ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(plain.FullName))) + plain.LastWriteTimeUtc.Ticks / 10_000_000 : file.LinkTarget ?? $"{file.LastWriteTimeUtc:s}";
            text.AppendLine($"{Path.GetRelativePath(root, file.FullName)} {file.UnixFileMode} {content}");
        }
        return text.ToString();
    }
}
