using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Doppel.Cli.Machines;

/// <summary>What <c>doppel balloon</c> shows: one line of JSON.</summary>
internal static class MemoryReport
{
    // A guest that stands still, or whose kernel is busy, does not keep the rest waiting.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    internal static async Task<string> MakeAsync(VirtualMachineMemory memory)
    {
        ulong host = await memory.MeasureHostBytesAsync();
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            json.WriteNumber("totalBytes", memory.TotalBytes);
            json.WriteNumber("targetBytes", memory.TargetBytes);
            json.WriteNumber("currentBytes", memory.CurrentBytes);
            json.WriteNumber("hostBytes", host);
            json.WriteNumber("givenBackBytes", memory.GivenBackBytes);
            await WriteGuestAsync(json, memory);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private static async Task WriteGuestAsync(Utf8JsonWriter json, VirtualMachineMemory memory)
    {
        using CancellationTokenSource patience = new(s_patience);
        try
        {
            if (await memory.QueryAsync(patience.Token) is not { } guest) return;
            Write(json, "guestTotalBytes", guest.Total);
            Write(json, "guestAvailableBytes", guest.Available);
            Write(json, "guestFreeBytes", guest.Free);
            Write(json, "guestCachesBytes", guest.Caches);
            Write(json, "guestMajorFaults", guest.MajorFaults);
            Write(json, "guestMinorFaults", guest.MinorFaults);
        }
        catch (OperationCanceledException)
        {
            // What the host knows by itself is shown all the same.
        }
    }

    private static void Write(Utf8JsonWriter json, string name, ulong? value)
    {
        if (value is { } number) json.WriteNumber(name, number);
    }
}
