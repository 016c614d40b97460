using System.Runtime.CompilerServices;

namespace Doppel.Devices.Serial;

/// <summary>A character with its line errors in the high byte (as LSR bits 1 to 4), sixteen deep.</summary>
[InlineArray(Uart16550.FifoDepth)]
public struct UartFifoCells
{
    private ushort _first;
}

/// <summary>One FIFO of a 16550: plain data.</summary>
public struct UartFifo
{
    /// <summary>The cells, as a ring.</summary>
    public UartFifoCells Cells;

    /// <summary>Index of the oldest character.</summary>
    public byte Head;

    /// <summary>Characters held.</summary>
    public byte Count;

    /// <summary>The oldest character and its errors; only while <see cref="Count"/> is not zero.</summary>
    public readonly ushort Oldest => Cells[Head];

    /// <summary>Appends; only while there is room.</summary>
    public void Push(ushort cell) => Cells[(Head + Count++) % Uart16550.FifoDepth] = cell;

    /// <summary>Removes the oldest; only while <see cref="Count"/> is not zero.</summary>
    public ushort Pop()
    {
        ushort cell = Cells[Head];
        Head = (byte)((Head + 1) % Uart16550.FifoDepth);
        Count--;
        return cell;
    }

    /// <summary>Forgets the line errors of the oldest character.</summary>
    public void ClearErrors() => Cells[Head] &= 0xFF;

    /// <summary>True if any character arrived with an error.</summary>
    public readonly bool HasErrors()
    {
        for (int i = 0; i < Count; i++)
        {
            if (Cells[(Head + i) % Uart16550.FifoDepth] > 0xFF) return true;
        }
        return false;
    }
}

/// <summary>All guest-visible state of a <see cref="Uart16550"/>: plain data, for snapshots and tests.</summary>
public struct Uart16550State
{
    /// <summary>Registers IER, LCR, MCR, SCR, FCR.</summary>
    public byte InterruptEnable, LineControl, ModemControl, Scratch, FifoControl;

    /// <summary>Register MSR: levels in bits 4 to 7, changes since the last read in bits 0 to 3.</summary>
    public byte ModemStatus;

    /// <summary>The divisor latch.</summary>
    public ushort Divisor;

    /// <summary>A character was lost since LSR was last read.</summary>
    public bool Overrun;

    /// <summary>The transmitter-empty interrupt is pending.</summary>
    public bool TransmitEmptyPending;

    /// <summary>The character-timeout interrupt is pending.</summary>
    public bool ReceiveTimeout;

    /// <summary>Received and not read; sent and not taken by the host.</summary>
    public UartFifo Receive, Transmit;
}
