using Doppel.Core.Bus;
using Doppel.Devices.Backends.Char;

namespace Doppel.Boot.Sbi;

/// <summary>
/// The firmware's console: the board's 16550 UART driven through its registers, as firmware in guest memory would, so that both share one
/// line in order. Thread contract: any vCPU thread; the UART locks.
/// </summary>
internal sealed class SbiConsole(IMmioDevice uart, ICharBackend line)
{
    private const ulong Data = 0, LineStatus = 5;
    private const byte DataReady = 0x01, TransmitEmpty = 0x20;

    /// <summary>Sends one byte; waits while the host is behind.</summary>
    public void Write(byte value)
    {
        SpinWait spin = default;
        while ((Read(LineStatus) & TransmitEmpty) == 0)
        {
            line.WaitForRoom();
            spin.SpinOnce();
        }
        uart.Write(Data, [value]);
    }

    /// <summary>Takes one byte of input, if there is any.</summary>
    public bool TryRead(out byte value)
    {
        bool ready = (Read(LineStatus) & DataReady) != 0;
        value = ready ? Read(Data) : (byte)0;
        return ready;
    }

    private byte Read(ulong register)
    {
        Span<byte> data = stackalloc byte[1];
        uart.Read(register, data);
        return data[0];
    }
}
