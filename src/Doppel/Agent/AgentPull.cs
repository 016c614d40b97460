using System.Buffers.Binary;
using System.Text;
using System.Threading.Channels;

namespace Doppel.Agent;

/// <summary>What a pull gives next: an entry, or bytes of the last one.</summary>
internal readonly record struct PulledPiece(GuestFileInfo? Entry, byte[] Bytes);

/// <summary>
/// Files that come from the guest: entries, each followed by its bytes. Thread contract: one reader; frames on the connection's task.
/// </summary>
internal sealed class AgentPull : IAgentSink
{
    // More than the agent's own window, because a file is usually longer.
    private const int Window = 512 << 10, GrantStep = Window / 4;

    private readonly Channel<(AgentFrameType Type, byte[] Bytes)> _frames =
        Channel.CreateUnbounded<(AgentFrameType Type, byte[] Bytes)>(new() { SingleReader = true, SingleWriter = true });

    private readonly AgentConnection _connection;
    private readonly CreditGrants _grants;
    private readonly string _what;
    private readonly uint _id;
    private long _waiting;

    private AgentPull(AgentConnection connection, string what)
    {
        _connection = connection;
        _what = what;
        _grants = new CreditGrants(connection, AgentFrame.StandardOutput, GrantStep);
        _id = _grants.Id = connection.Open(this);
    }

    /// <summary>What of a tree is wanted.</summary>
    [Flags]
    internal enum Options : uint
    {
        None = 0,
        Recursive = 1,
        FollowLink = 2,
        NoContent = 4,
    }

    internal static async Task<AgentPull> StartAsync(AgentConnection connection, string path, Options options, CancellationToken cancellationToken)
    {
        byte[] payload = GuestPath.Encode((uint)options, path);
        AgentPull pull = new(connection, $"The guest cannot read {path}");
        try
        {
            await connection.SendAsync(pull._id, AgentFrameType.Pull, 0, payload, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            pull.Cancel();
            throw;
        }
        pull._grants.Add(Window - AgentFrame.Window);
        return pull;
    }

    /// <summary>The next piece, or null at the end.</summary>
    /// <exception cref="GuestAgentException">The guest refused, or is gone.</exception>
    internal async Task<PulledPiece?> NextAsync(CancellationToken cancellationToken)
    {
        // Waiting, unlike reading, gives the reason itself when the connection was lost.
        await _frames.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false);
        (AgentFrameType type, byte[] bytes) = await _frames.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        if (type == AgentFrameType.Result)
        {
            AgentResult result = AgentResult.Parse(bytes) ?? throw Invalid();
            result.OrThrow(_what);
            return null;
        }
        Interlocked.Add(ref _waiting, -bytes.Length);
        _grants.Add(bytes.Length);
        return type == AgentFrameType.Entry ? new PulledPiece(AgentEntry.Read(bytes) ?? throw Invalid(), []) : new PulledPiece(null, bytes);
    }

    /// <summary>Gives the rest up.</summary>
    internal void Cancel()
    {
        _connection.Forget(_id);
        _connection.Post(_id, AgentFrameType.Cancel, 0, new byte[4]);
    }

    public void OnFrame(AgentFrameType type, byte stream, ReadOnlySpan<byte> payload)
    {
        if (type is not (AgentFrameType.Data or AgentFrameType.Entry or AgentFrameType.Result)) return;
        // One entry may be longer than what is left of the window.
        if (type != AgentFrameType.Result && Interlocked.Add(ref _waiting, payload.Length) > 2 * Window) OnLost(Invalid());
        else _frames.Writer.TryWrite((type, payload.ToArray()));
    }

    public void OnLost(Exception reason) => _frames.Writer.TryComplete(reason);

    private static GuestAgentException Invalid() => new("The guest's agent sent files in a way that is not valid.");
}

/// <summary>Paths of the guest.</summary>
internal static class GuestPath
{
    private const int Longest = 4000;

    /// <summary>The payload of a request that names a path: a number, then the path.</summary>
    /// <exception cref="ArgumentException">The path is empty, too long, or holds a NUL character.</exception>
    internal static byte[] Encode(uint number, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] text = Encoding.UTF8.GetBytes(path);
        if (text.Length > Longest || text.Contains((byte)0)) throw new ArgumentException($"'{path}' is no path of a guest", nameof(path));
        byte[] payload = new byte[text.Length + 5];
        BinaryPrimitives.WriteUInt32LittleEndian(payload, number);
        text.CopyTo(payload, 4);
        return payload;
    }

    /// <summary>Joins two paths.</summary>
    internal static string Join(string folder, string name) => folder.Length == 0 || folder.EndsWith('/') ? folder + name : $"{folder}/{name}";

    /// <summary>True for a path that means what a folder has in it, as <c>cp</c> reads it.</summary>
    internal static bool IsContent(string path) => path is "." || path.EndsWith("/.", StringComparison.Ordinal);

    /// <summary>The last part of a path; empty for the root folder.</summary>
    internal static string NameOf(string path)
    {
        string trimmed = path.TrimEnd('/');
        return trimmed[(trimmed.LastIndexOf('/') + 1)..];
    }
}
