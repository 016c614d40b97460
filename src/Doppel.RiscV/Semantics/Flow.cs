using System.Runtime.CompilerServices;
using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;

namespace Doppel.RiscV.Semantics;

/// <summary>What all instruction bodies are made of: operands, results, and the ways to the next instruction.</summary>
internal static unsafe class Flow
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Rs1(HartContext* c, DecodedInstruction* i) => c->State.X[i->Rs1];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Rs2(HartContext* c, DecodedInstruction* i) => c->State.X[i->Rs2];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static DecodedInstruction* Next(DecodedInstruction* i) => i + i->Length;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static DecodedInstruction* Write(HartContext* c, DecodedInstruction* i, ulong value)
    {
        c->State.X[i->Rd] = value;
        return i + i->Length;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static DecodedInstruction* WriteWord(HartContext* c, DecodedInstruction* i, uint value) => Write(c, i, (ulong)(int)value);

    /// <summary>Goes to an address that may lie on another page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static DecodedInstruction* JumpTo(HartContext* c, ulong target)
    {
        FetchEntry* entry = c->FetchTlb + ((int)(target >> 12) & (HartContext.FetchEntries - 1));
        if (entry->Tag != (target & ~0xFFFUL))
        {
            c->State.Pc = target;
            return null;
        }
        c->CodePage = entry->Tag;
        c->CodeInstructions = entry->Instructions;
        return entry->Instructions + ((target & 0xFFF) >> 1);
    }

    /// <summary>Ends an instruction that may have changed what the run loop must look at: it looks before the next one.</summary>
    internal static DecodedInstruction* Leave(HartContext* c, DecodedInstruction* i)
    {
        c->State.Pc = c->PcOf(i) + ((ulong)i->Length << 1);
        return null;
    }

    /// <summary>Goes on, unless a device that was just touched wants the hart's attention.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static DecodedInstruction* NextOrLeave(HartContext* c, DecodedInstruction* i) =>
        Volatile.Read(ref c->Attention) == 0 ? Next(i) : Leave(c, i);

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static DecodedInstruction* RaiseFault(HartContext* c, DecodedInstruction* i) => Hart.Of(c).Traps.RaiseFault(c->PcOf(i));

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static DecodedInstruction* Raise(HartContext* c, DecodedInstruction* i, TrapCause cause, ulong value) =>
        Hart.Of(c).Traps.Raise(c->PcOf(i), cause, value);

    /// <summary>Body of every encoding that has no row, and the end of every instruction that the current state forbids.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static DecodedInstruction* Illegal(HartContext* c, DecodedInstruction* i)
    {
        // tval shows the instruction (privileged manual, 3.1.16); it is not kept, so it is read again.
        ulong pc = c->PcOf(i);
        return Raise(c, i, TrapCause.IllegalInstruction, Hart.Of(c).Mmu.PeekInstruction(pc, i->Length));
    }
}
