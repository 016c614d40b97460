using System.Buffers.Binary;
using System.Text;
using Doppel.Agent;
using Doppel.UnitTests.Devices.Fuzz;
using Doppel.UnitTests.Images;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Agent;

/// <summary>What the host makes of an agent that lies, and the agent of a host that does.</summary>
public sealed class HostileAgentTests(ITestOutputHelper output) : IDisposable
{
    private const uint Folder = 0x41ED, Plain = 0x81A4, Link = 0xA1FF;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\nno agent here at all")]
    public async Task Connect_ToSomethingElse_SaysSo(string greeting)
    {
        (Stream near, Stream far) = StreamPair.Create();
        await far.WriteAsync(Encoding.ASCII.GetBytes(greeting));
        await far.DisposeAsync();
        await Assert.ThrowsAsync<GuestAgentException>(() => GuestAgent.ConnectAsync(near));
    }

    [Fact]
    public async Task Connect_ToANewerAgent_SaysSo()
    {
        (Stream near, Stream far) = StreamPair.Create();
        byte[] hello = AgentConnection.Hello();
        hello[AgentFrame.HeaderLength + 4] = 9;
        await far.WriteAsync(hello);
        GuestAgentException error = await Assert.ThrowsAsync<GuestAgentException>(() => GuestAgent.ConnectAsync(near));
        Assert.Contains("version 9", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Frame_ThatIsTooLong_EndsTheConnection()
    {
        (GuestAgent agent, Stream far) = await FakeAsync();
        Task<GuestClock> ping = agent.PingAsync();
        byte[] frame = new byte[AgentFrame.HeaderLength];
        new AgentFrame(AgentFrame.MaxPayload + 1, 1, AgentFrameType.Data, 1).Write(frame);
        await far.WriteAsync(frame);
        await Assert.ThrowsAsync<GuestAgentException>(() => ping);
        await Assert.ThrowsAsync<GuestAgentException>(() => agent.PingAsync());
    }

    [Fact]
    public async Task Result_ThatIsCut_FailsTheRequestOnly()
    {
        (GuestAgent agent, Stream far) = await FakeAsync();
        Task<GuestClock> first = agent.PingAsync(), second = agent.PingAsync();
        await SendAsync(far, 1, AgentFrameType.Result, [1, 2, 3]);
        await SendAsync(far, 2, AgentFrameType.Result, new byte[24]);
        await Assert.ThrowsAsync<GuestAgentException>(() => first);
        Assert.Equal(default, await second);
    }

    [Fact]
    public async Task Data_BeyondTheWindow_FailsTheReader()
    {
        (GuestAgent agent, Stream far) = await FakeAsync();
        GuestProcess process = await agent.StartAsync(new GuestExec("x"));
        Task<GuestClock> ping = agent.PingAsync();
        for (int i = 0; i < 4; i++) await SendAsync(far, 1, AgentFrameType.Data, new byte[40_000]);
        // Its answer came behind the data, so nothing of that was read before all of it was there.
        await SendAsync(far, 2, AgentFrameType.Result, new byte[24]);
        await ping;
        await Assert.ThrowsAsync<GuestAgentException>(() => process.StandardOutput.CopyToAsync(Stream.Null));
    }

    [Fact]
    public async Task HangUp_FailsWhatIsUnderWay()
    {
        (GuestAgent agent, Stream far) = await FakeAsync();
        GuestProcess process = await agent.StartAsync(new GuestExec("x"));
        await far.DisposeAsync();
        await Assert.ThrowsAsync<GuestAgentException>(() => process.WaitAsync());
        await Assert.ThrowsAsync<GuestAgentException>(() => process.StandardOutput.ReadAsync(new byte[1]).AsTask());
    }

    [Fact]
    public async Task Failure_WithEscapeSequences_LeavesTheTerminalAlone()
    {
        (GuestAgent agent, Stream far) = await FakeAsync();
        Task<GuestExecResult> exec = agent.ExecAsync(new GuestExec("x"));
        await SendAsync(far, 1, AgentFrameType.Result, [2, 0, 0, 0, 13, 0, 0, 0, .. "a\u001b[2J\u009b\nü"u8]);
        GuestAgentException error = await Assert.ThrowsAsync<GuestAgentException>(() => exec);
        Assert.Equal("The guest cannot run x: a?[2J??ü: permission denied", error.Message);
    }

    [Fact]
    public async Task Request_ToAnAgentThatTakesNothing_CanBeGivenUp()
    {
        (GuestAgent agent, _) = await FakeAsync();
        using CancellationTokenSource limit = new();
        GuestExec exec = new("x", new string('x', 60_000));
        Task<GuestProcess>[] starts = [.. Enumerable.Range(0, 40).Select(_ => agent.StartAsync(exec, limit.Token))];
        Assert.False(starts[^1].IsCompleted);
        await limit.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starts[^1].WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task Processes_WithoutEnd_AreRefused()
    {
        (GuestAgent agent, Stream far) = await FakeAsync();
        Task<IReadOnlyList<GuestProcessInfo>> list = agent.Processes.ListAsync();
        Task flood = FloodAsync(far, 1, frames: 1100);
        await Assert.ThrowsAsync<GuestAgentException>(() => list.WaitAsync(TimeSpan.FromSeconds(60)));
        await far.DisposeAsync();
        await flood;
    }

    [Fact]
    public async Task Relay_ClientThatDoesNotReadAndGuestThatDoesNotStop_EndsThatClientOnly()
    {
        (GuestAgent agent, Stream far) = await FakeAsync();
        (Stream client, Stream relayed) = StreamPair.Create();
        Task relay = agent.RelayAsync(relayed);
        await SendAsync(client, 7, AgentFrameType.Exec, new byte[64]);
        Task flood = FloodAsync(far, await ReadChannelAsync(far), frames: 1200);
        await relay.WaitAsync(TimeSpan.FromSeconds(60));
        await flood;
        Task<GuestClock> ping = agent.PingAsync();
        await SendAsync(far, 2, AgentFrameType.Result, new byte[24]);
        Assert.Equal(default, await ping);
        await client.DisposeAsync();
    }

    [Fact]
    public async Task Relay_MoreRequestsThanItTakes_AreRefused()
    {
        (GuestAgent agent, _) = await FakeAsync();
        (Stream near, Stream relayed) = StreamPair.Create();
        _ = agent.RelayAsync(relayed);
        GuestAgent client = await GuestAgent.ConnectAsync(near);
        GuestProcess[] processes = await Task.WhenAll(Enumerable.Range(0, 257).Select(_ => client.StartAsync(new GuestExec("x"))));
        Task<GuestExit> first = await Task.WhenAny(processes.Select(static p => p.WaitAsync())).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(11, (await Assert.ThrowsAsync<GuestAgentException>(() => first)).ErrorNumber);
        await near.DisposeAsync();
    }

    public static TheoryData<string, (string Path, uint Mode, string Target)[]> Escapes => new()
    {
        { "parent", [("", Folder, ""), ("../evil", Plain, "")] },
        { "parent below", [("", Folder, ""), ("a", Folder, ""), ("a/../../evil", Plain, "")] },
        { "absolute", [("", Folder, ""), ("/evil", Plain, "")] },
        { "dot", [("", Folder, ""), ("./evil", Plain, "")] },
        { "unannounced folder", [("", Folder, ""), ("a/evil", Plain, "")] },
        { "through a link", [("", Folder, ""), ("a", Link, ".."), ("a/evil", Plain, "")] },
        { "folder over a link", [("", Folder, ""), ("a", Link, ".."), ("a", Folder, ""), ("a/evil", Plain, "")] },
        { "link over a folder", [("", Folder, ""), ("a", Folder, ""), ("a", Link, ".."), ("a/evil", Plain, "")] },
        { "below a file", [("", Plain, ""), ("evil", Plain, "")] },
    };

    [Theory]
    [MemberData(nameof(Escapes))]
    public async Task CopyOut_PathThatLeadsElsewhere_IsRefusedAndNothingIsWrittenThere(string what, (string Path, uint Mode, string Target)[] entries)
    {
        (GuestAgent agent, Stream far) = await FakeAsync();
        Task copy = agent.Files.CopyOutAsync("/x", _folder["copy"]);
        foreach ((string path, uint mode, string target) in entries) await SendAsync(far, 1, AgentFrameType.Entry, Entry(path, mode, target));
        await SendAsync(far, 1, AgentFrameType.Data, "boo"u8.ToArray());
        await SendAsync(far, 1, AgentFrameType.Result, new byte[8]);
        Exception error = (await Record.ExceptionAsync(() => copy))!;
        Assert.True(error is GuestAgentException or IOException, $"{what}: {error}");
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(_folder.Path), static f => f.EndsWith("evil", StringComparison.Ordinal));
    }

    [Fact]
    public async Task CopyOut_SetUserId_IsLeftOff()
    {
        (GuestAgent agent, Stream far) = await FakeAsync();
        Task copy = agent.Files.CopyOutAsync("/x", _folder["f"]);
        await SendAsync(far, 1, AgentFrameType.Entry, Entry("", 0x8FED, ""));
        await SendAsync(far, 1, AgentFrameType.Result, new byte[8]);
        await copy;
        Assert.Equal((UnixFileMode)0x1ED, File.GetUnixFileMode(_folder["f"]));
    }

    [Fact]
    public void Processes_GarbageRecords_NeverThrow() => new FuzzSeed(output).Run(20_000, static random =>
    {
        byte[] garbage = new byte[random.Next(200)];
        random.NextBytes(garbage);
        BinaryPrimitives.TryWriteInt32LittleEndian(garbage, random.Next(200));
        GuestProcessList.Parse(garbage);
        AgentEntry.Read(garbage);
    });

    [Fact]
    public async Task Agent_GarbageRequests_StillAnswers()
    {
        using AgentProgram program = new();
        AgentConnection connection = await AgentConnection.OpenAsync(program.Stream, CancellationToken.None);
        Queue<(uint Channel, AgentFrameType Type, byte Stream, byte[] Payload)> frames = new();
        new FuzzSeed(output).Run(4_000, random => frames.Enqueue(Garbage(random)));
        foreach ((uint channel, AgentFrameType type, byte stream, byte[] payload) in frames) await connection.SendAsync(channel, type, stream, payload);
        AgentRequest ping = await AgentRequest.SendAsync(connection, AgentFrameType.Ping, default);
        AgentResult result = await ping.FinishAsync("ping", CancellationToken.None);
        Assert.Equal(16, result.Data.Length);
        Assert.False(program.HasExited);
    }

    // Channels above those that the connection gives out. What would do something to the host that runs the agent is left out.
    private static (uint Channel, AgentFrameType Type, byte Stream, byte[] Payload) Garbage(Random random)
    {
        AgentFrameType[] types = [AgentFrameType.Exec, AgentFrameType.Pull, AgentFrameType.Processes, AgentFrameType.Data, AgentFrameType.End, AgentFrameType.Credit, AgentFrameType.Entry,
            AgentFrameType.Signal, AgentFrameType.Resize, AgentFrameType.Cancel, AgentFrameType.Hello, AgentFrameType.Result, (AgentFrameType)0x77];
        byte[] payload = new byte[random.Next(3) == 0 ? random.Next(5000) : random.Next(40)];
        random.NextBytes(payload);
        for (int i = 0; i < 4 && i * 4 + 4 <= payload.Length; i++) BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(i * 4), random.Next(8));
        if (payload.Length != 0 && random.Next(2) == 0) payload[^1] = 0;
        return (1000u + (uint)random.Next(20), types[random.Next(types.Length)], (byte)random.Next(5), payload);
    }

    private static byte[] Entry(string path, uint mode, string target)
    {
        byte[] head = new byte[32];
        BinaryPrimitives.WriteUInt32LittleEndian(head, mode);
        return [.. head, .. Encoding.UTF8.GetBytes(path), 0, .. Encoding.UTF8.GetBytes(target), 0];
    }

    // Bytes that nobody has granted, until the other end has had enough of them.
    private static async Task FloodAsync(Stream far, uint channel, int frames)
    {
        try
        {
            for (int i = 0; i < frames; i++) await SendAsync(far, channel, AgentFrameType.Data, new byte[AgentFrame.MaxPayload]);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // It has.
        }
    }

    private static async Task<uint> ReadChannelAsync(Stream far)
    {
        byte[] header = new byte[AgentFrame.HeaderLength];
        await far.ReadExactlyAsync(header);
        return AgentFrame.Read(header).Channel;
    }

    private static async Task<(GuestAgent Agent, Stream Far)> FakeAsync()
    {
        (Stream near, Stream far) = StreamPair.Create();
        await far.WriteAsync(AgentConnection.Hello());
        return (await GuestAgent.ConnectAsync(near), far);
    }

    private static async Task SendAsync(Stream far, uint channel, AgentFrameType type, byte[] payload)
    {
        byte[] frame = new byte[AgentFrame.HeaderLength + payload.Length];
        new AgentFrame((uint)payload.Length, channel, type, 1).Write(frame);
        payload.CopyTo(frame, AgentFrame.HeaderLength);
        await far.WriteAsync(frame);
    }
}
