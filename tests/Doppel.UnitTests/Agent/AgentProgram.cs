using System.Diagnostics;
using Doppel.Agent;
using Doppel.Host;
using Doppel.UnitTests.House;

namespace Doppel.UnitTests.Agent;

/// <summary>The agent as it is in the images, run by QEMU's user emulation on the host's own files, with its standard streams as its connection.</summary>
internal sealed class AgentProgram : IDisposable
{
    internal static readonly string Path = System.IO.Path.Combine(SourceFile.Root, "src", "Doppel", "Images", "Guest", "agent");

    private readonly Process _process;

    internal AgentProgram()
    {
        ProcessStartInfo start = new("qemu-riscv64", [Path, "serve"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        _process = Process.Start(start)!;
        Stream = new JoinedStream(_process.StandardOutput.BaseStream, _process.StandardInput.BaseStream);
    }

    /// <summary>The connection.</summary>
    internal Stream Stream { get; }

    internal bool HasExited => _process.HasExited;

    /// <summary>Numbers of the files that it has open.</summary>
    internal string[] OpenFiles() => [.. Directory.EnumerateFileSystemEntries($"/proc/{_process.Id}/fd").Select(static f => System.IO.Path.GetFileName(f)!).Order(StringComparer.Ordinal)];

    internal static async Task<(AgentProgram Program, GuestAgent Agent)> StartAsync()
    {
        AgentProgram program = new();
        return (program, await GuestAgent.ConnectAsync(program.Stream));
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}

/// <summary>Two one-way streams as one.</summary>
internal sealed class JoinedStream(Stream input, Stream output) : ByteStream
{
    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => input.ReadAsync(buffer, cancellationToken);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await output.WriteAsync(buffer, cancellationToken);
        await output.FlushAsync(cancellationToken);
    }

    public override int Read(Span<byte> buffer) => input.Read(buffer);

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        output.Write(buffer);
        output.Flush();
    }

    protected override void Dispose(bool disposing)
    {
        output.Dispose();
        input.Dispose();
        base.Dispose(disposing);
    }
}
