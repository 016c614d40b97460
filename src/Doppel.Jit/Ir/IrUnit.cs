namespace Doppel.Jit.Ir;

/// <summary>The operations of one translation unit, in an array that is used again for the next unit. One thread at a time.</summary>
internal sealed class IrUnit
{
    private IrInst[] _insts = new IrInst[256];

    /// <summary>Offset on the code page of the unit's entry.</summary>
    internal int EntryOffset { get; private set; }

    /// <summary>Selects among several worlds in which the same code means different things (a guest's privilege mode).</summary>
    internal int Mode { get; private set; }

    internal int Count { get; private set; }

    /// <summary>Guest instructions in the unit.</summary>
    internal int GuestCount { get; set; }

    internal Span<IrInst> Insts => _insts.AsSpan(0, Count);

    internal void Begin(int entryOffset, int mode)
    {
        EntryOffset = entryOffset;
        Mode = mode;
        Count = 0;
        GuestCount = 0;
    }

    /// <summary>Appends an operation with absent operands; the caller fills it in.</summary>
    internal ref IrInst Add(IrOp op)
    {
        if (Count == _insts.Length) Array.Resize(ref _insts, Count * 2);
        ref IrInst inst = ref _insts[Count++];
        inst = new IrInst { Op = op, Dst = IrInst.None, A = IrInst.None, B = IrInst.None, C = IrInst.None };
        return ref inst;
    }
}
