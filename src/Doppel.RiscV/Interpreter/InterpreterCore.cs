using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Doppel.Core.Memory;
using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;
using Doppel.RiscV.Semantics;

namespace Doppel.RiscV.Interpreter;

/// <summary>
/// Runs decoded instructions one after the other. It is the reference for every other engine, which also come here for what they do not
/// translate. Thread contract: the hart's own thread.
/// </summary>
internal sealed unsafe class InterpreterCore : IDisposable
{
    private readonly Hart _hart;
    private readonly HartContext* _context;
    private readonly CodePageCache _pages;

    // An instruction that straddles two pages, or that stands on a page that PMP splits, is decoded anew each time, here. The three slots play
    // the end of a page, so that everything else works as usual.
    private readonly DecodedInstruction* _scratch;

    /// <param name="hart">The hart to run.</param>
    /// <param name="maxPages">Pages of code that are kept decoded, 40 KiB each; a working set beyond that is decoded again now and then.</param>
    internal InterpreterCore(Hart hart, int maxPages)
    {
        _hart = hart;
        _context = hart.Context;
        _hart.Interpreter = this;
        _pages = new CodePageCache(hart, &DecodeAndRun, &RunOverPageEnd, maxPages);
        _scratch = (DecodedInstruction*)NativeMemory.AlignedAlloc((nuint)(3 * sizeof(DecodedInstruction)), 64);
    }

    internal ulong Invalidations => _pages.Invalidations;

    /// <summary>What <see cref="Step"/> has executed.</summary>
    internal InstructionHistogram Stepped { get; } = new();

    /// <summary>Runs from the state's pc until the budget is used up or something needs the run loop; leaves pc in the state.</summary>
    internal void Run()
    {
        HartContext* c = _context;
        DecodedInstruction* i = Flow.JumpTo(c, c->State.Pc);
        if (i == null) i = FetchSlow();
        while (i != null)
        {
            if (--c->Budget < 0)
            {
                c->Budget = 0;
                c->State.Pc = c->PcOf(i);
                return;
            }
            i = i->Execute(c, i);
        }
    }

    /// <summary>Runs the instruction at the state's pc. True if the next one may follow without the run loop looking around.</summary>
    internal bool Step()
    {
        HartContext* c = _context;
        DecodedInstruction* i = Flow.JumpTo(c, c->State.Pc);
        if (i == null) i = FetchSlow();
        if (i == null) return false;
        c->Budget--;
        DecodedInstruction* at = i;
        i = i->Execute(c, i);
        // By now the slot holds the instruction, even if it was fresh.
        Stepped.Count((nint)at->Execute);
        if (i == null) return false;
        c->State.Pc = c->PcOf(i);
        return true;
    }

    /// <summary>FENCE.I.</summary>
    internal void Fence() => _pages.Fence();

    public void Dispose()
    {
        _pages.Dispose();
        NativeMemory.AlignedFree(_scratch);
    }

    /// <summary>Finds the decoded instruction at the state's pc by a page walk. Null after a fault was taken, which costs a tick.</summary>
    private DecodedInstruction* FetchSlow()
    {
        ulong pc = _context->State.Pc;
        if (!_hart.Mmu.TryTranslateFetch(pc, 2, out ulong pa)) return FetchFault(pc);
        if (!_hart.Mmu.IsFetchCacheable(pa)) return FetchAlone(pc);
        DecodedInstruction* page = _pages.Find(pa);
        if (page == null)
        {
            _hart.Mmu.Fault(Mmu.AccessType.Fetch, access: true, pc);
            return FetchFault(pc);
        }
        _hart.Mmu.FillFetch(pc, page);
        return Flow.JumpTo(_context, pc);
    }

    private DecodedInstruction* FetchFault(ulong pc)
    {
        // An attempt that begins no instruction still uses the budget: a handler that faults for ever must not stop the run loop.
        _context->Budget--;
        _hart.Traps.RaiseFault(pc);
        return null;
    }

    // Reads the instruction half-word by half-word, each with its own translation: tval is the address of the part that faults.
    private DecodedInstruction* FetchAlone(ulong pc)
    {
        if (!TryFetchHalf(pc, out uint bits)) return FetchFault(pc);
        if ((bits & 3) == 3)
        {
            if (!TryFetchHalf(pc + 2, out uint high)) return FetchFault(pc);
            bits |= high << 16;
        }
        // Whichever slot stands for the pc, branches must be far: what is around the slot is not the page.
        InstructionTable.Decode(bits, InstructionTable.OnNoPage, _scratch);
        DecodedInstruction end = new() { Execute = &RunOverScratch, Length = 1 };
        _scratch[1] = end;
        _scratch[2] = end;
        _context->CodePage = pc & SoftTlb.PageMask;
        _context->CodeInstructions = _scratch - ((pc & 0xFFF) >> 1);
        return _scratch;
    }

    private bool TryFetchHalf(ulong pc, out uint bits)
    {
        bits = 0;
        if (!_hart.Mmu.TryTranslateFetch(pc, 2, out ulong pa)) return false;
        if (!_hart.Platform.Memory.TryRead(pa, out ushort half)) return _hart.Mmu.Fault(Mmu.AccessType.Fetch, access: true, pc);
        bits = half;
        return true;
    }

    private static InterpreterCore Of(HartContext* c) => Unsafe.As<InterpreterCore>(Hart.Of(c).Interpreter!);

    // The body of a slot that was never run. It reads the physical page that the slots belong to: where the TLB still allows the page after the
    // page table has changed, the old page goes on running, and nothing of the new one gets into the old one's slots.
    private static DecodedInstruction* DecodeAndRun(HartContext* c, DecodedInstruction* i)
    {
        InterpreterCore self = Of(c);
        ulong pc = c->PcOf(i);
        int offset = (int)(pc & 0xFFF);
        ulong pa = CodePage.GpaOf(c->CodeInstructions) + (ulong)offset;
        self._hart.Platform.Memory.TryRead(pa, out ushort low);
        uint bits = low;
        if ((low & 3) == 3)
        {
            if (offset == 0xFFE) return self.RunStraddling(pc);
            self._hart.Platform.Memory.TryRead(pa, out bits);
        }
        InstructionTable.Decode(bits, offset, i);
        return i->Execute(c, i);
    }

    private DecodedInstruction* RunStraddling(ulong pc)
    {
        _context->Budget++;
        DecodedInstruction* i = FetchAlone(pc);
        if (i == null) return null;
        // Counted here, as the run loop does for every other instruction.
        _context->Budget--;
        return i->Execute(_context, i);
    }

    // Execution ran over the end of a page: no instruction, so the tick is given back.
    private static DecodedInstruction* RunOverPageEnd(HartContext* c, DecodedInstruction* i)
    {
        c->Budget++;
        return Flow.JumpTo(c, c->PcOf(i));
    }

    private static DecodedInstruction* RunOverScratch(HartContext* c, DecodedInstruction* i) => RunOverPageEnd(c, i);
}
