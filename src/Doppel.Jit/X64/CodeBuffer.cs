using System.Runtime.CompilerServices;

namespace Doppel.Jit.X64;

/// <summary>A place in code that may be jumped to before it is known. Zero is "none".</summary>
internal readonly record struct Label(int Id);

/// <summary>
/// Bytes of code under construction, with labels. Code is written through one view and runs in another; relative distances are the
/// same in both. A buffer that is too small never writes outside: it raises <see cref="Overflowed"/> and starts over.
/// Thread contract: one thread at a time.
/// </summary>
internal unsafe class CodeBuffer
{
    private const int Margin = 16;
    private byte* _start;
    private byte* _at;
    private byte* _limit;
    private nint _executableDelta;
    private int[] _labels = new int[64];
    private Fixup[] _fixups = new Fixup[64];
    private int _labelCount;
    private int _fixupCount;

    /// <summary>True if the code did not fit; what was written is worthless.</summary>
    internal bool Overflowed { get; private set; }

    /// <summary>Bytes written so far.</summary>
    internal int Position => (int)(_at - _start);

    /// <summary>Address, in the executable view, where the next byte will run.</summary>
    internal nint Here => (nint)_at + _executableDelta;

    /// <summary>Starts a new piece of code and forgets all labels.</summary>
    /// <param name="writable">Address in the writable view.</param>
    /// <param name="executable">The same place in the executable view.</param>
    /// <param name="capacity">Bytes that may be written.</param>
    internal void Begin(nint writable, nint executable, int capacity)
    {
        _start = _at = (byte*)writable;
        _limit = _start + capacity - Margin;
        _executableDelta = executable - writable;
        _labelCount = 0;
        _fixupCount = 0;
        Overflowed = false;
    }

    /// <summary>Makes a label that is not bound yet.</summary>
    internal Label NewLabel()
    {
        if (++_labelCount >= _labels.Length) Array.Resize(ref _labels, _labels.Length * 2);
        _labels[_labelCount] = -1;
        return new Label(_labelCount);
    }

    /// <summary>Binds a label to the next byte.</summary>
    internal void Bind(Label label) => _labels[label.Id] = Position;

    /// <summary>Offset of a bound label from the start.</summary>
    internal int OffsetOf(Label label) => _labels[label.Id];

    /// <summary>Writes the distances of all forward jumps. Every label that was used must be bound.</summary>
    internal void ResolveLabels()
    {
        for (int i = 0; i < _fixupCount; i++)
        {
            Fixup fixup = _fixups[i];
            int distance = _labels[fixup.Label] - (fixup.At + fixup.Size);
            if (fixup.Size == 4) Unsafe.WriteUnaligned(_start + fixup.At, distance);
            else _start[fixup.At] = checked((byte)(sbyte)distance);
        }
        _fixupCount = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Byte(int value)
    {
        *_at++ = (byte)value;
        if (_at >= _limit) Overflow();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Int32(int value)
    {
        Unsafe.WriteUnaligned(_at, value);
        _at += 4;
        if (_at >= _limit) Overflow();
    }

    internal void Int64(long value)
    {
        Unsafe.WriteUnaligned(_at, value);
        _at += 8;
        if (_at >= _limit) Overflow();
    }

    /// <summary>Where the next instruction goes: there is room for the longest one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected byte* Room()
    {
        if (_at >= _limit) Overflow();
        return _at;
    }

    /// <summary>Notes the end of an instruction that was written at <see cref="Room"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected void Written(byte* end) => _at = end;

    /// <summary>Distance to a bound label from the end of a field of the given size, or null.</summary>
    private protected int? BackwardDistance(Label label, int fieldSize) =>
        _labels[label.Id] < 0 ? null : _labels[label.Id] - (Position + fieldSize);

    /// <summary>Reserves a distance field of 1 or 4 bytes for a label that is bound later.</summary>
    private protected void ForwardDistance(Label label, int size)
    {
        if (_fixupCount == _fixups.Length) Array.Resize(ref _fixups, _fixups.Length * 2);
        _fixups[_fixupCount++] = new Fixup(Position, size, label.Id);
        if (size == 4) Int32(0);
        else Byte(0);
    }

    private void Overflow()
    {
        Overflowed = true;
        _at = _start;
        _fixupCount = 0;
    }

    private readonly record struct Fixup(int At, int Size, int Label);
}
