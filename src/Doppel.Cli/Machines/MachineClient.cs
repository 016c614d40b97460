using System.Net.Sockets;
using System.Text;
using Doppel.Agent;
using Doppel.Cli.Output;

namespace Doppel.Cli.Machines;

/// <summary>Speaks to the process of a named machine. Thread contract: stateless.</summary>
internal static class MachineClient
{
    private const int LongestLine = 4096;

    /// <summary>Sends a verb and waits for its answer.</summary>
    /// <returns>The stream behind the answer, and the words of the answer after <c>ok</c>.</returns>
    /// <exception cref="CliException">The machine does not run, or refuses.</exception>
    internal static async Task<(NetworkStream Stream, string Answer)> CallAsync(MachineFolder folder, string line, CancellationToken cancellation = default)
    {
        NetworkStream stream = Connect(folder);
        try
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), cancellation);
            string answer = await ReadLineAsync(stream, cancellation);
            if (answer == "ok" || answer.StartsWith("ok ", StringComparison.Ordinal)) return (stream, answer.Length > 3 ? answer[3..] : "");
            string reason = answer.StartsWith("error ", StringComparison.Ordinal) ? answer[6..] : "its process gave no answer";
            throw new CliException($"{folder.Name}: {reason}", HintFor(folder, answer));
        }
        catch (IOException e)
        {
            await stream.DisposeAsync();
            await WaitUntilOverAsync(folder, cancellation);
            throw new CliException($"{folder.Name}: the machine ended meanwhile ({folder.ReadState().Describe(DateTimeOffset.UtcNow)})", e);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sends a verb that is done when it is answered.</summary>
    internal static async Task<string> DoAsync(MachineFolder folder, string line, CancellationToken cancellation = default)
    {
        (NetworkStream stream, string answer) = await CallAsync(folder, line, cancellation);
        await stream.DisposeAsync();
        return answer;
    }

    /// <summary>The agent of a machine's guest.</summary>
    internal static async Task<GuestAgent> AgentAsync(MachineFolder folder, CancellationToken cancellation = default)
    {
        (NetworkStream stream, _) = await CallAsync(folder, "agent", cancellation);
        return await GuestAgent.ConnectAsync(stream, cancellation);
    }

    // A process that is killed loses its socket a moment before the lock that says that it lives.
    private static async Task WaitUntilOverAsync(MachineFolder folder, CancellationToken cancellation)
    {
        for (int attempt = 0; attempt < 40 && folder.Exists && !folder.ReadState().IsOver; attempt++) await Task.Delay(25, cancellation);
    }

    private static NetworkStream Connect(MachineFolder folder)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(folder.ControlPath));
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            socket.Dispose();
            if (e is ArgumentException) throw new CliException($"{folder.ControlPath}: too long for a socket", e);
            MachineState state = folder.ReadState();
            string how = state.IsOver ? "does not run" : "cannot be reached";
            throw new CliException($"machine {folder.Name} {how}: {state.Describe(DateTimeOffset.UtcNow)}", e);
        }
    }

    private static string? HintFor(MachineFolder folder, string answer) =>
        answer.EndsWith("is paused", StringComparison.Ordinal) ? $"let it go on with `doppel resume {folder.Name}`" : null;

    private static async Task<string> ReadLineAsync(NetworkStream stream, CancellationToken cancellation)
    {
        byte[] line = new byte[LongestLine];
        for (int length = 0; length < line.Length; length++)
        {
            // Byte by byte: what follows the line is not to be read here.
            if (await stream.ReadAsync(line.AsMemory(length, 1), cancellation) == 0) throw new IOException("the connection ended");
            if (line[length] == '\n') return Encoding.UTF8.GetString(line, 0, length);
        }
        return "";
    }
}
