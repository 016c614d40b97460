using System.Buffers.Binary;
using System.Text;

namespace Doppel.Agent;

/// <summary>The result of a request.</summary>
internal sealed record AgentResult(AgentResultKind Kind, uint Value, byte[] Data)
{
    /// <summary>Reads the payload of a result frame; null if it is not valid.</summary>
    internal static AgentResult? Parse(ReadOnlySpan<byte> payload) => payload.Length < 8 ? null
        : new((AgentResultKind)BinaryPrimitives.ReadUInt32LittleEndian(payload), BinaryPrimitives.ReadUInt32LittleEndian(payload[4..]), payload[8..].ToArray());

    /// <summary>This, unless the guest refused: that is an exception which says what was asked for.</summary>
    internal AgentResult OrThrow(string what) => Kind != AgentResultKind.Failure ? this
        : throw new GuestAgentException(what, (int)Value, Encoding.UTF8.GetString(Data));
}

/// <summary>
/// One request on a channel: streams and a result. Thread contract: frames on the connection's task; the rest from any thread.
/// </summary>
internal sealed class AgentRequest : IAgentSink
{
    private readonly AgentConnection _connection;
    private readonly TaskCompletionSource<AgentResult> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private AgentRequest(AgentConnection connection)
    {
        _connection = connection;
        Output = new AgentReadStream(connection, AgentFrame.StandardOutput);
        Error = new AgentReadStream(connection, AgentFrame.StandardError);
        Input = new AgentWriteStream(connection);
        Id = Input.Id = connection.Open(this);
        Output.Id = Error.Id = Id;
    }

    internal uint Id { get; }

    internal AgentReadStream Output { get; }

    internal AgentReadStream Error { get; }

    internal AgentWriteStream Input { get; }

    /// <summary>Ends with the agent's answer.</summary>
    internal Task<AgentResult> Result => _result.Task;

    /// <summary>Sends a request.</summary>
    internal static async Task<AgentRequest> SendAsync(
        AgentConnection connection, AgentFrameType type, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        AgentRequest request = new(connection);
        try
        {
            await connection.SendAsync(request.Id, type, 0, payload, cancellationToken).ConfigureAwait(false);
            return request;
        }
        catch
        {
            // It may be on its way all the same.
            request.Cancel(signal: 9);
            throw;
        }
    }

    /// <summary>Waits for the result; what the guest refused is an exception that says what was asked for.</summary>
    /// <exception cref="GuestAgentException">The guest refused, or is gone.</exception>
    internal async Task<AgentResult> FinishAsync(string what, CancellationToken cancellationToken)
    {
        try
        {
            return (await Result.WaitAsync(cancellationToken).ConfigureAwait(false)).OrThrow(what);
        }
        catch (OperationCanceledException)
        {
            Cancel(signal: 9);
            throw;
        }
    }

    /// <summary>Gives the request up.</summary>
    /// <param name="signal">What its program is sent.</param>
    /// <param name="reason">What those who wait for it are told.</param>
    internal void Cancel(int signal, GuestAgentException? reason = null)
    {
        if (Result.IsCompleted) return;
        Post(AgentFrameType.Cancel, (uint)signal);
        _connection.Forget(Id);
        OnLost(reason ?? new GuestAgentException("The request was given up."));
    }

    /// <summary>Sends a number that belongs to the request.</summary>
    internal void Post(AgentFrameType type, uint value)
    {
        byte[] payload = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(payload, value);
        _connection.Post(Id, type, AgentFrame.StandardOutput, payload);
    }

    public void OnFrame(AgentFrameType type, byte stream, ReadOnlySpan<byte> payload)
    {
        switch (type)
        {
            case AgentFrameType.Data:
                StreamOf(stream)?.Add(payload);
                break;
            case AgentFrameType.End:
                StreamOf(stream)?.End(reason: null);
                break;
            case AgentFrameType.Credit when stream == AgentFrame.StandardInput && payload.Length == 4:
                Input.Grant(BinaryPrimitives.ReadUInt32LittleEndian(payload));
                break;
            case AgentFrameType.Result when AgentResult.Parse(payload) is { } result:
                Finish(result);
                break;
            case AgentFrameType.Result:
                OnLost(new GuestAgentException("The guest's agent sent a result that is not valid."));
                break;
        }
    }

    public void OnLost(Exception reason)
    {
        _result.TrySetException(reason);
        _ = _result.Task.Exception;
        Output.End(reason);
        Error.End(reason);
        Input.Fail(reason);
    }

    private void Finish(AgentResult result)
    {
        Output.End(reason: null);
        Error.End(reason: null);
        Input.Fail(new IOException("The program in the guest has ended."));
        _result.TrySetResult(result);
    }

    private AgentReadStream? StreamOf(byte stream) => stream switch
    {
        AgentFrame.StandardOutput => Output,
        AgentFrame.StandardError => Error,
        _ => null,
    };
}
