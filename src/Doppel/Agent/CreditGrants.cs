using System.Buffers.Binary;

namespace Doppel.Agent;

/// <summary>
/// Tells the guest how much more it may send on a stream. One grant is under way at a time: what is taken meanwhile goes with the next, so that a
/// guest that sends without listening makes nothing pile up here. Thread contract: all members from any thread.
/// </summary>
internal sealed class CreditGrants(AgentConnection connection, byte stream, int step)
{
    private long _taken;
    private int _isSending;

    /// <summary>The channel, set before the request is sent.</summary>
    internal uint Id { get; set; }

    /// <summary>Bytes were taken, or more may come than at first.</summary>
    internal void Add(int count)
    {
        Interlocked.Add(ref _taken, count);
        if (IsDue) _ = SendAsync();
    }

    // True for one caller only.
    private bool IsDue => Interlocked.Read(ref _taken) >= step && Interlocked.Exchange(ref _isSending, 1) == 0;

    private async Task SendAsync()
    {
        do
        {
            byte[] credit = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(credit, (uint)Interlocked.Exchange(ref _taken, 0));
            await connection.PostAsync(Id, AgentFrameType.Credit, stream, credit).ConfigureAwait(false);
            Volatile.Write(ref _isSending, 0);
        }
        while (IsDue);
    }
}
