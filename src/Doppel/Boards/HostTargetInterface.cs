using System.Runtime.InteropServices;
using Doppel.Boot.Sbi;
using Doppel.Core.Execution;
using Doppel.Core.Memory;

namespace Doppel.Boards;

/// <summary>
/// The host-target interface (HTIF) of the RISC-V test world: a bare-metal program writes commands to the 64-bit variable <c>tohost</c> and
/// reads answers from <c>fromhost</c>. A command holds a device in bits 63 to 56, a function in bits 55 to 48 and a payload below.
/// Device 0 is the host itself: an odd payload ends the run with the status payload / 2, an even one is a system call. Device 1 is a
/// character console.
/// Thread contract: called on vCPU threads; one lock guards a command.
/// </summary>
internal sealed class HostTargetInterface
{
    private const ulong SystemDevice = 0, ConsoleDevice = 1, ReadFunction = 0, WriteFunction = 1;
    private const ulong PayloadMask = (1UL << 48) - 1;
    private const ulong AnswerReady = 0x100, Done = 1;
    private const ulong WriteCall = 64, ExitCall = 93, NoSuchCall = unchecked((ulong)-38);
    private const ulong MaxPrintBytes = 1 << 16;

    private readonly Lock _gate = new();
    private readonly GuestMemory _memory;
    private readonly SbiConsole _console;
    private readonly Action<PowerRequest> _power;
    private readonly ulong _toHost;
    private readonly ulong? _fromHost;

    private HostTargetInterface(GuestMemory memory, SbiConsole console, Action<PowerRequest> power, (ulong ToHost, ulong? FromHost) symbols)
    {
        _memory = memory;
        _console = console;
        _power = power;
        (_toHost, _fromHost) = symbols;
    }

    /// <summary>Watches the mailbox of a program, if its symbols name one that lies in RAM.</summary>
    public static void Attach(IReadOnlyDictionary<string, ulong> symbols, GuestMemory memory, SbiConsole console, Action<PowerRequest> power)
    {
        if (!symbols.TryGetValue("tohost", out ulong toHost) || !memory.TryTranslate(toHost, 8, writable: true, out _)) return;
        ulong? fromHost = symbols.TryGetValue("fromhost", out ulong address) ? address : null;
        HostTargetInterface htif = new(memory, console, power, (toHost, fromHost));
        memory.Watches.Add(toHost, 8, htif.OnStore);
    }

    private void OnStore()
    {
        lock (_gate)
        {
            if (!_memory.TryRead(_toHost, out ulong command) || command == 0) return;
            Serve(command >> 56, (command >> 48) & 0xFF, command & PayloadMask);
        }
    }

    private void Serve(ulong device, ulong function, ulong payload)
    {
        switch (device, function)
        {
            case (SystemDevice, _) when (payload & 1) != 0:
                // The value stays, so that a debugger sees it; the machine ends before the next instruction.
                _power(new PowerRequest(PowerAction.PowerOff, (int)(payload >> 1)));
                return;
            case (SystemDevice, _):
                Answer(CallSystem(payload));
                break;
            case (ConsoleDevice, WriteFunction):
                _console.Write((byte)payload);
                break;
            case (ConsoleDevice, ReadFunction):
                Answer((ConsoleDevice << 56) | (_console.TryRead(out byte value) ? AnswerReady | value : 0));
                break;
        }
        // A command is taken when tohost is zero again; unknown ones are taken and dropped.
        _memory.TryWrite(_toHost, 0UL);
    }

    // An even payload is the address of four 64-bit words: the number of a system call and its arguments; the result replaces the first.
    // Numbers are those of the RISC-V Linux ABI; a test program needs no more than these two.
    private ulong CallSystem(ulong block)
    {
        Span<byte> bytes = stackalloc byte[32];
        if (!_memory.TryRead(block, bytes)) return Done;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        ulong result = words[0] switch
        {
            WriteCall => Print(words[2], words[3]),
            ExitCall => Exit(words[1]),
            _ => NoSuchCall,
        };
        _memory.TryWrite(block, result);
        return Done;
    }

    private ulong Print(ulong address, ulong length)
    {
        ulong done = 0;
        for (; done < Math.Min(length, MaxPrintBytes) && _memory.TryRead(address + done, out byte value); done++) _console.Write(value);
        return done;
    }

    private ulong Exit(ulong status)
    {
        _power(new PowerRequest(PowerAction.PowerOff, (int)status));
        return 0;
    }

    private void Answer(ulong value)
    {
        if (_fromHost is { } address) _memory.TryWrite(address, value);
    }
}
