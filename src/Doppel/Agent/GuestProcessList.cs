using System.Buffers.Binary;
using System.Text;

namespace Doppel.Agent;

/// <summary>A process in a guest.</summary>
/// <param name="Id">Number.</param>
/// <param name="ParentId">Number of its parent.</param>
/// <param name="UserId">Number of the user it runs as.</param>
/// <param name="State">State as <c>ps</c> shows it: R, S, D, Z, T, I.</param>
/// <param name="ProcessorTime">Processor time that it has used.</param>
/// <param name="StartedAfterBoot">When it was started, after the boot of the guest.</param>
/// <param name="ResidentBytes">Memory that it has in RAM.</param>
/// <param name="Name">Name of its program.</param>
/// <param name="CommandLine">Its arguments with blanks between; empty for a thread of the kernel.</param>
public sealed record GuestProcessInfo(
    int Id, int ParentId, uint UserId, char State, TimeSpan ProcessorTime, TimeSpan StartedAfterBoot, ulong ResidentBytes, string Name, string CommandLine);

/// <summary>The processes of a guest. Thread contract: all members from any thread.</summary>
public sealed class GuestProcessList
{
    // Fixed by Linux for riscv64: USER_HZ and the page's size.
    private const long TicksPerSecond = 100, PageBytes = 4096;
    private const int FixedLength = 48, MostBytes = 64 << 20;

    private readonly Func<CancellationToken, Task<AgentConnection>> _connect;

    internal GuestProcessList(Func<CancellationToken, Task<AgentConnection>> connect) => _connect = connect;

    /// <summary>Lists all processes.</summary>
    /// <exception cref="GuestAgentException">The guest is gone.</exception>
    public async Task<IReadOnlyList<GuestProcessInfo>> ListAsync(CancellationToken cancellationToken = default)
    {
        AgentConnection connection = await _connect(cancellationToken).ConfigureAwait(false);
        AgentRequest request = await AgentRequest.SendAsync(connection, AgentFrameType.Processes, default, cancellationToken).ConfigureAwait(false);
        try
        {
            byte[] records = await ReadAsync(request.Output, cancellationToken).ConfigureAwait(false);
            await request.FinishAsync("The guest's processes cannot be listed", cancellationToken).ConfigureAwait(false);
            return Parse(records);
        }
        finally
        {
            request.Cancel(signal: 9);
        }
    }

    // A guest may claim to have any number of processes.
    private static async Task<byte[]> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        MemoryStream records = new();
        byte[] buffer = new byte[32 << 10];
        for (int count; (count = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
        {
            records.Write(buffer, 0, count);
            if (records.Length > MostBytes) throw new GuestAgentException($"The guest's list of processes is longer than {MostBytes} bytes.");
        }
        return records.ToArray();
    }

    /// <summary>Sends a signal to a process.</summary>
    /// <param name="id">Its number.</param>
    /// <param name="signal">Number, as Linux counts them.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="GuestAgentException">There is no such process.</exception>
    public async Task SignalAsync(int id, int signal, CancellationToken cancellationToken = default)
    {
        byte[] payload = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(payload, id);
        BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(4), signal);
        AgentConnection connection = await _connect(cancellationToken).ConfigureAwait(false);
        AgentRequest request = await AgentRequest.SendAsync(connection, AgentFrameType.Kill, payload, cancellationToken).ConfigureAwait(false);
        await request.FinishAsync($"Process {id} of the guest cannot be signalled", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads records as the agent writes them; what is cut short is left out.</summary>
    internal static IReadOnlyList<GuestProcessInfo> Parse(ReadOnlySpan<byte> bytes)
    {
        List<GuestProcessInfo> processes = [];
        while (bytes.Length >= FixedLength)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            if (length < FixedLength + 2 || length > (uint)bytes.Length) break;
            processes.Add(ParseOne(bytes[..(int)length]));
            bytes = bytes[(int)length..];
        }
        return processes;
    }

    private static GuestProcessInfo ParseOne(ReadOnlySpan<byte> record)
    {
        ReadOnlySpan<byte> texts = record[FixedLength..];
        int nameEnd = texts.IndexOf((byte)0);
        ReadOnlySpan<byte> name = nameEnd < 0 ? texts : texts[..nameEnd], command = nameEnd < 0 ? [] : texts[(nameEnd + 1)..].TrimEnd((byte)0);
        return new GuestProcessInfo(
            BinaryPrimitives.ReadInt32LittleEndian(record[4..]), BinaryPrimitives.ReadInt32LittleEndian(record[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(record[12..]), (char)record[40], Time(record[16..]), Time(record[24..]),
            BinaryPrimitives.ReadUInt64LittleEndian(record[32..]) * PageBytes, Encoding.UTF8.GetString(name), Encoding.UTF8.GetString(command));
    }

    // A guest that claims to be older than .NET can count is as old as that.
    private static TimeSpan Time(ReadOnlySpan<byte> bytes)
    {
        ulong ticks = Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(bytes), long.MaxValue / TimeSpan.TicksPerSecond);
        return TimeSpan.FromTicks((long)ticks * (TimeSpan.TicksPerSecond / TicksPerSecond));
    }
}
