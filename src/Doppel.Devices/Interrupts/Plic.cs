using System.Buffers.Binary;
using System.Numerics;
using Doppel.Core.Bus;

namespace Doppel.Devices.Interrupts;

/// <summary>All guest-visible state of a <see cref="Plic"/>: plain data. Bit n of a bit map stands in word n / 32.</summary>
public sealed class PlicState
{
    internal PlicState(int contexts)
    {
        Enabled = new uint[contexts * Plic.Words];
        Threshold = new uint[contexts];
    }

    /// <summary>Priority of each source; zero never interrupts.</summary>
    public uint[] Priority { get; } = new uint[Plic.Sources + 1];

    /// <summary>Level of each source's wire.</summary>
    public uint[] Level { get; } = new uint[Plic.Words];

    /// <summary>Sources whose request waits to be claimed.</summary>
    public uint[] Pending { get; } = new uint[Plic.Words];

    /// <summary>Sources whose gateway is closed: claimed, and not completed.</summary>
    public uint[] Claimed { get; } = new uint[Plic.Words];

    /// <summary>Enabled sources, <see cref="Plic.Words"/> words for each context.</summary>
    public uint[] Enabled { get; }

    /// <summary>Threshold of each context: only higher priorities interrupt it.</summary>
    public uint[] Threshold { get; }
}

/// <summary>
/// A platform-level interrupt controller (RISC-V PLIC specification 1.0.0; section numbers are its) with level-triggered gateways.
/// Contexts follow the harts: context 2h is M-mode of hart h, context 2h + 1 its S-mode.
/// Thread contract: all members from any thread; one lock guards everything and is held while the outputs are driven.
/// </summary>
public sealed class Plic : IMmioDevice
{
    /// <summary>Bytes of the register window, enough for 512 harts; take it on the bus with accesses of four bytes.</summary>
    public const ulong WindowSize = 0x60_0000;

    /// <summary>Compatible string of the device-tree node.</summary>
    public const string Compatible = "riscv,plic0";

    /// <summary>More specific compatible string, to stand first.</summary>
    public const string CompatibleSiFive = "sifive,plic-1.0.0";

    /// <summary>Number of interrupt sources, numbered from 1 (device tree: riscv,ndev).</summary>
    public const int Sources = 95;

    /// <summary>Highest priority that a source can have.</summary>
    public const uint MaxPriority = 7;

    /// <summary>Words of a bit map over all sources.</summary>
    internal const int Words = (Sources / 32) + 1;

    // Memory map, section 3.
    private const ulong PendingBase = 0x1000, EnableBase = 0x2000, EnableStride = 0x80, ContextBase = 0x20_0000, ContextStride = 0x1000;

    private readonly Lock _gate = new();
    private readonly IReadOnlyList<IrqLine> _outputs;
    private readonly PlicState _state;

    /// <summary>Creates the controller in its reset state.</summary>
    /// <param name="outputs">The external-interrupt wire of each context.</param>
    /// <exception cref="ArgumentException">There are more contexts than the window holds.</exception>
    public Plic(IReadOnlyList<IrqLine> outputs)
    {
        if (ContextBase + ((ulong)outputs.Count * ContextStride) > WindowSize)
            throw new ArgumentException($"{outputs.Count} contexts are too many for a PLIC", nameof(outputs));
        _outputs = outputs;
        _state = new PlicState(outputs.Count);
    }

    /// <summary>The guest-visible state itself; look at it only while the machine is paused.</summary>
    public PlicState State => _state;

    /// <summary>Creates the wire of an interrupt source.</summary>
    /// <param name="source">Number from 1 to <see cref="Sources"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such source.</exception>
    public IrqLine CreateInput(int source)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(source, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(source, Sources);
        return new IrqLine(level => SetSource(source, level));
    }

    /// <summary>The board's reset: nothing enabled, nothing pending. The levels of the wires are not the controller's to forget.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            Array.Clear(_state.Priority);
            Array.Clear(_state.Enabled);
            Array.Clear(_state.Threshold);
            Array.Clear(_state.Claimed);
            _state.Level.CopyTo(_state.Pending, 0);
            for (int context = 0; context < _outputs.Count; context++) UpdateOutput(context);
        }
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (data.Length != 4) return;
        lock (_gate) BinaryPrimitives.WriteUInt32LittleEndian(data, ReadRegister(offset));
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (data.Length != 4) return;
        lock (_gate) WriteRegister(offset, BinaryPrimitives.ReadUInt32LittleEndian(data));
    }

    private static uint BitOf(int source) => 1u << (source & 31);

    private void SetSource(int source, bool level)
    {
        lock (_gate)
        {
            int word = source >> 5;
            if (!level)
            {
                // A request that is pending stays so: the handler finds out that its device wants nothing (section 2, gateways).
                _state.Level[word] &= ~BitOf(source);
                return;
            }
            _state.Level[word] |= BitOf(source);
            if ((_state.Claimed[word] & BitOf(source)) != 0) return;
            _state.Pending[word] |= BitOf(source);
            UpdateOutputsOf(source);
        }
    }

    private uint ReadRegister(ulong offset)
    {
        if (offset < PendingBase) return offset / 4 <= Sources ? _state.Priority[offset / 4] : 0;
        if (offset < EnableBase)
        {
            ulong word = (offset - PendingBase) / 4;
            return word < Words ? _state.Pending[word] : 0;
        }
        if (offset < ContextBase) return TryFindEnable(offset, out int index) ? _state.Enabled[index] : 0;
        if (!TryFindContext(offset, out int context, out ulong register)) return 0;
        return register switch { 0 => _state.Threshold[context], 4 => Claim(context), _ => 0 };
    }

    private void WriteRegister(ulong offset, uint value)
    {
        if (offset < PendingBase)
        {
            // Source 0 does not exist (section 3); priorities are WARL.
            if (offset == 0 || offset / 4 > Sources) return;
            _state.Priority[offset / 4] = value & MaxPriority;
            UpdateOutputsOf((int)(offset / 4));
        }
        else if (offset >= EnableBase && offset < ContextBase)
        {
            if (!TryFindEnable(offset, out int index)) return;
            _state.Enabled[index] = index % Words == 0 ? value & ~1u : value;
            UpdateOutput(index / Words);
        }
        else if (TryFindContext(offset, out int context, out ulong register))
        {
            if (register == 4) Complete(context, value);
            if (register != 0) return;
            _state.Threshold[context] = value & MaxPriority;
            UpdateOutput(context);
        }
    }

    private bool TryFindEnable(ulong offset, out int index)
    {
        ulong context = (offset - EnableBase) / EnableStride;
        ulong word = (offset - EnableBase) % EnableStride / 4;
        bool found = context < (ulong)_outputs.Count && word < Words;
        index = found ? ((int)context * Words) + (int)word : 0;
        return found;
    }

    private bool TryFindContext(ulong offset, out int context, out ulong register)
    {
        ulong index = (offset - ContextBase) / ContextStride;
        register = (offset - ContextBase) % ContextStride;
        bool found = offset >= ContextBase && index < (ulong)_outputs.Count;
        context = found ? (int)index : 0;
        return found;
    }

    // Section 9: a claim takes the highest priority regardless of the threshold; zero when nothing is pending.
    private uint Claim(int context)
    {
        int source = FindBest(context, out _);
        if (source == 0) return 0;
        _state.Pending[source >> 5] &= ~BitOf(source);
        _state.Claimed[source >> 5] |= BitOf(source);
        UpdateOutputsOf(source);
        return (uint)source;
    }

    // Section 10: a completion of a source that is not enabled for the context is ignored.
    private void Complete(int context, uint value)
    {
        if (value is 0 or > Sources) return;
        int source = (int)value, word = source >> 5;
        if ((_state.Enabled[(context * Words) + word] & BitOf(source)) == 0) return;
        if ((_state.Claimed[word] & BitOf(source)) == 0) return;
        _state.Claimed[word] &= ~BitOf(source);
        // The gateway opens; a wire that is still high is a new request.
        _state.Pending[word] |= _state.Level[word] & BitOf(source);
        UpdateOutputsOf(source);
    }

    // Ties go to the lowest number (section 4).
    private int FindBest(int context, out uint priority)
    {
        int best = 0;
        priority = 0;
        for (int word = 0; word < Words; word++)
        {
            uint candidates = _state.Pending[word] & _state.Enabled[(context * Words) + word];
            for (; candidates != 0; candidates &= candidates - 1)
            {
                int source = (word << 5) + BitOperations.TrailingZeroCount(candidates);
                if (_state.Priority[source] <= priority) continue;
                best = source;
                priority = _state.Priority[source];
            }
        }
        return best;
    }

    // Only the contexts that have the source enabled can be touched by it: a machine of 512 harts has 1024 contexts.
    private void UpdateOutputsOf(int source)
    {
        for (int context = 0; context < _outputs.Count; context++)
        {
            if ((_state.Enabled[(context * Words) + (source >> 5)] & BitOf(source)) != 0) UpdateOutput(context);
        }
    }

    private void UpdateOutput(int context)
    {
        FindBest(context, out uint priority);
        _outputs[context].Set(priority > _state.Threshold[context]);
    }
}
