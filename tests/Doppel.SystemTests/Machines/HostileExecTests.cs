using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Machines;

/// <summary>The native client of <c>doppel exec</c> and an agent that means it ill: frames that are too long, too many, or cut short.</summary>
public sealed class HostileExecTests
{
    private const byte Data = 0x40, End = 0x41, Credit = 0x42, Result = 0x50;
    private const int Window = 65_536;

    public static TheoryData<string, byte[], string, int> Answers { get; } = new()
    {
        { "", [], "The guest's agent hung up.", 125 },
        { "", Frame(Data, 1, "half of a frame")[..20], "The guest's agent hung up.", 125 },
        { "", Header(Data, 1, Window + 1), "The guest's agent sent a frame that is too long.", 125 },
        { "", Header(Result, 0, -1), "The guest's agent sent a frame that is too long.", 125 },
        { "kept", [.. Frame(Data, 1, "kept"), .. Frame(Result, 0, "short")], "The guest's agent sent a result that is not valid.", 125 },
        { "", [.. Frame(Data, 3, "no such stream"), .. Frame(Credit, 0, "too long"), .. Frame(0xFF, 9, ""), .. Header(Data, 1, 1, channel: 7), 0], "The guest's agent hung up.", 125 },
        { "a", [.. Frame(Data, 1, "a"), .. Frame(End, 1, ""), .. Frame(Data, 1, "behind the end")], "The guest's agent hung up.", 125 },
        { "", Frame(Result, 0, "\x02\0\0\0\x7b\0\0\0some detail"), "The guest cannot run true: some detail: error 123", 126 },
        // An escape sequence, a line's end, and in UTF-8: a letter, the control character CSI, half of a character.
        { "", Frame(Result, 0, "\x02\0\0\0\x0d\0\0\0\x1b[2J\n\xc3\xbc\xc2\x9b\xe2\x82"), "The guest cannot run true: ?[2J?ü????: permission denied", 126 },
    };

    [ToolTheory("cc")]
    [MemberData(nameof(Answers))]
    public async Task Client_AnswerThatIsNotValid_IsAFailure(string output, byte[] answer, string message, int status)
    {
        using FakeMachine machine = new();
        Process client = await machine.StartClientAsync();
        Task<CliResult> end = DoppelCli.FinishAsync(client, ["exec"], []);
        using (Socket socket = await machine.AcceptAsync()) await socket.SendAsync(answer);
        CliResult result = await end;
        Assert.Equal((status, output, $"doppel: fake: {message}\n"), (result.Status, result.OutputText, result.ErrorText));
    }

    [ToolFact("cc")]
    public async Task Client_MoreThanWasGranted_EndsWhatIsTaken()
    {
        using FakeMachine machine = new();
        Process client = await machine.StartClientAsync();
        // Nobody reads the client's output meanwhile: a pipe holds one window, the client two, and the fourth is too much.
        using (Socket socket = await machine.AcceptAsync())
        {
            for (int i = 0; i < 4; i++) await socket.SendAsync(Frame(Data, 1, new string('x', Window)));
            await socket.SendAsync(Frame(Data, 1, "x"));
            CliResult result = await DoppelCli.FinishAsync(client, ["exec"], []);
            Assert.Equal((125, "doppel: fake: The guest's agent sent more than it was allowed to.\n"), (result.Status, result.ErrorText));
            Assert.InRange(result.Output.Length, 2 * Window, 3 * Window);
        }
    }

    [ToolFact("cc")]
    public async Task Client_MachineThatRefuses_IsQuotedAndNotAskedAgain()
    {
        using FakeMachine machine = new() { Greeting = "error no agent for a minute\n"u8.ToArray() };
        Process client = await machine.StartClientAsync();
        Task<CliResult> end = DoppelCli.FinishAsync(client, ["exec"], []);
        using Socket socket = await machine.AcceptAsync();
        CliResult result = await end;
        Assert.Equal((125, "doppel: fake: no agent for a minute\n"), (result.Status, result.ErrorText));
    }

    private static byte[] Frame(byte type, byte stream, string payload) => [.. Header(type, stream, payload.Length), .. Encoding.Latin1.GetBytes(payload)];

    private static byte[] Header(byte type, byte stream, int length, uint channel = 1)
    {
        byte[] header = new byte[12];
        BinaryPrimitives.WriteInt32LittleEndian(header, length);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), channel);
        header[8] = type;
        header[9] = stream;
        return header;
    }

    /// <summary>The socket of a machine that is not there.</summary>
    private sealed class FakeMachine : IDisposable
    {
        private readonly TemporaryFolder _folder = new();
        private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

        internal FakeMachine()
        {
            string folder = Directory.CreateDirectory(_folder.File("machines/fake")).FullName;
            _listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(folder, "control")));
            _listener.Listen();
        }

        /// <summary>What it answers to <c>agent</c>: by default the agent's hello.</summary>
        internal byte[] Greeting { get; init; } = [.. "ok\n"u8, .. Header(1, 0, 12, channel: 0), .. "DPLA"u8, 1, 0, 0, 0, 0, 0, 1, 0];

        internal Task<Process> StartClientAsync() => ExecClient.StartAsync(["fake", "true"], _folder.Path);

        /// <summary>Waits for the client, greets it, and takes its request.</summary>
        internal async Task<Socket> AcceptAsync()
        {
            Socket socket = await _listener.AcceptAsync();
            byte[] request = new byte[256];
            int length = await socket.ReceiveAsync(request);
            Assert.Equal("agent\n", Encoding.Latin1.GetString(request, 0, length));
            await socket.SendAsync(Greeting);
            await socket.ReceiveAsync(request);
            return socket;
        }

        public void Dispose()
        {
            _listener.Dispose();
            _folder.Dispose();
        }
    }
}
