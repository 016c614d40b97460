using System.Globalization;
using System.Text;
using Doppel.Agent;

namespace Doppel.Images.Roots;

/// <summary>What a machine that builds a root disk is given.</summary>
internal sealed record BuilderSetup
{
    /// <summary>The image that it boots.</summary>
    public required Image Boot { get; init; }

    /// <summary>Archive of the tools.</summary>
    public required ReadOnlyMemory<byte> Tools { get; init; }

    /// <summary>Path of the disk.</summary>
    public required string Disk { get; init; }

    /// <summary>Paths of tar archives: its second disk and on.</summary>
    public IReadOnlyList<string> Archives { get; init; } = [];

    /// <summary>Bytes of memory that it needs for archives.</summary>
    public long StageBytes { get; init; }

    /// <summary>True to give it the network of the host's user.</summary>
    public bool HasNetwork { get; init; }
}

/// <summary>
/// A machine that has the disk of an image for its own and does to it, as root of its own, what only root may do. Thread contract: one caller.
/// </summary>
internal sealed class BuilderMachine : IAsyncDisposable
{
    /// <summary>Length of the records in which the guest counts what it has unpacked.</summary>
    public const long RecordBytes = 10240;

    private const ulong BaseMemory = 768UL << 20;
    private const int ErrorLines = 20;
    private const string Script = "/usr/lib/doppel/builder";

    private readonly VirtualMachine _machine;

    private BuilderMachine(VirtualMachine machine) => _machine = machine;

    /// <summary>Boots it.</summary>
    /// <exception cref="ImageException">It does not boot.</exception>
    public static async Task<BuilderMachine> StartAsync(BuilderSetup setup, CancellationToken cancellation)
    {
        GuestCommand wait = new() { Arguments = ["sleep", "1000000"], Networks = setup.HasNetwork ? [GuestNetwork.User] : [] };
        VirtualMachineConfig config = new()
        {
            MemoryBytes = BaseMemory + (((ulong)setup.StageBytes * 3 / 2) & ~0xFFFUL),
            Cpus = Math.Clamp(Environment.ProcessorCount, 1, 2),
            KernelPath = setup.Boot.KernelPath,
            InitrdPath = setup.Boot.InitrdPath,
            ExtraInitrds = [.. setup.Boot.ExtraInitrds(wait), setup.Tools, BuilderTools.ScriptArchive()],
            CommandLine = setup.Boot.Manifest.CommandLine + " panic=-1",
            // A disk of a build that fails is thrown away, so nothing waits for the host's storage, nor for space there.
            Disks =
            [
                new DiskConfig(setup.Disk) { Format = "raw", Cache = DiskCache.Unsafe, WhenFull = DiskFull.Fail },
                .. setup.Archives.Select(static a => new DiskConfig(a, ReadOnly: true) { Format = "raw" }),
            ],
            Networks = setup.HasNetwork ? [new NetworkConfig { Kind = NetworkKind.User }] : [],
            Vsock = new VsockConfig(),
            Balloon = false,
            RestartOnReboot = false,
        };
        VirtualMachine? machine = null;
        try
        {
            machine = await VirtualMachine.StartAsync(config, cancellation).ConfigureAwait(false);
            await machine.Agent.WaitUntilReadyAsync(cancellation).ConfigureAwait(false);
            return new BuilderMachine(machine);
        }
        catch (Exception e)
        {
            string tail = machine is null ? "" : "\n" + Tail(machine.Console.Output);
            if (machine is not null) await machine.DisposeAsync().ConfigureAwait(false);
            if (e is VirtualMachineException or GuestAgentException) throw new ImageException($"the machine that builds images does not boot: {e.Message}{tail}", e);
            throw;
        }
    }

    /// <summary>The name of an archive's device.</summary>
    public static string DeviceOf(int archive) => $"/dev/vd{(char)('b' + archive)}";

    /// <summary>Does one word of the script.</summary>
    /// <param name="what">What it does, for an error.</param>
    /// <param name="line">Gets the lines that it prints.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <param name="words">The word and its arguments.</param>
    /// <exception cref="ImageException">It failed; the message ends with what it said.</exception>
    public async Task DoAsync(string what, Action<string> line, CancellationToken cancellation, params IReadOnlyList<string> words)
    {
        try
        {
            GuestProcess process = await _machine.Agent.StartAsync(new GuestExec(["/bin/sh", Script, .. words]), cancellation).ConfigureAwait(false);
            await using (process.ConfigureAwait(false))
            {
                var said = new Queue<string>();
                // Both are read to their ends; what was said last explains a failure.
                Task output = ReadAsync(process.StandardOutput, said, line), error = ReadAsync(process.StandardError, said, line);
                GuestExit exit = await process.WaitAsync(cancellation).ConfigureAwait(false);
                await Task.WhenAll(output, error).ConfigureAwait(false);
                if (exit.IsSuccess) return;
                string status = exit.Signal == 0 ? $"status {exit.ExitCode}" : $"signal {exit.Signal}";
                throw new ImageException($"{what} ended with {status}:\n{string.Join('\n', said)}");
            }
        }
        catch (GuestAgentException e)
        {
            throw new ImageException($"{what} failed: {e.Message}\n{Tail(_machine.Console.Output)}", e);
        }
    }

    /// <summary>Does a word whose progress is the part of an archive that it has read.</summary>
    public Task UnpackAsync(string what, Action<long> bytes, CancellationToken cancellation, params IReadOnlyList<string> words) => DoAsync(what, line =>
    {
        // "/usr/lib/doppel/tools/tar: records 100"
        string[] parts = line.Split(' ');
        if (parts is [.., "records", var records] && long.TryParse(records, NumberStyles.None, CultureInfo.InvariantCulture, out long count)) bytes(count * RecordBytes);
    }, cancellation, words);

    /// <summary>What a word prints.</summary>
    public async Task<byte[]> ReadAsync(string word, CancellationToken cancellation) =>
        (await _machine.Agent.ExecAsync(new GuestExec("/bin/sh", Script, word), cancellation).ConfigureAwait(false)).Output;

    /// <summary>Takes the file system off, so that the disk is whole, and switches the machine off.</summary>
    public async Task FinishAsync(CancellationToken cancellation)
    {
        await DoAsync("taking the disk off", static _ => { }, cancellation, "finish").ConfigureAwait(false);
        await _machine.Agent.SyncAsync(cancellation).ConfigureAwait(false);
        await _machine.StopAsync().ConfigureAwait(false);
    }

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    private static async Task ReadAsync(Stream stream, Queue<string> said, Action<string> line)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8);
        while (await reader.ReadLineAsync().ConfigureAwait(false) is { } text)
        {
            line(text);
            if (text.StartsWith("status: ", StringComparison.Ordinal) || text.StartsWith("processing: ", StringComparison.Ordinal)
                || text.Contains(" records ", StringComparison.Ordinal)) continue;
            lock (said)
            {
                said.Enqueue(text);
                if (said.Count > ErrorLines) said.Dequeue();
            }
        }
    }

    private static string Tail(string text) => string.Join('\n', text.Split('\n').Select(static l => l.TrimEnd('\r')).TakeLast(ErrorLines));
}
