using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Doppel.Core.Diagnostics;
using Doppel.Core.Memory;
using Doppel.Jit.Abi;
using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;
using Doppel.RiscV.Interpreter;
using Doppel.RiscV.Mmu;
using Doppel.RiscV.Translate;
using Doppel.RiscV.Verify;

namespace Doppel.RiscV.Engines;

/// <summary>
/// A hart whose code is translated. What generated code does not do itself (CSRs, traps, devices, rare floating point) it leaves to the
/// interpreter, one instruction at a time.
/// </summary>
internal sealed unsafe class JitVcpu : HartVcpu, ITranslatedRunner
{
    // The interpreter has few instructions to do, and those are in few places.
    private const int InterpretedPages = 32;

    private readonly JitContext* _context;
    private readonly InterpreterCore _core;
    private readonly Translator _translator;
    private readonly Verifier? _verifier;
    private ExceptionDispatchInfo? _failure;
    private long _given;
    private bool _goesOn;
    private readonly ulong[] _goneOn = new ulong[Enum.GetValues<NativeExit>().Length];

    internal JitVcpu(int index, RiscVPlatform platform, HartGroup harts, MachineCode code)
        : base(index, platform, harts, sizeof(JitContext))
    {
        _context = (JitContext*)Hart.Context;
        NativeFrame.Initialise(ref _context->Frame);
        for (int i = 0; i < NativeFrame.FlagTableBytes; i++) _context->Frame.Flags[i] = (byte)ToGuestFlags((uint)i);
        delegate* unmanaged<JitContext*, ulong, uint, nint> fill = &Fill;
        _context->Frame.FillHelper = (nint)fill;
        delegate* unmanaged<JitContext*, int, nint> goOn = &GoOn;
        _context->Frame.GoOnHelper = (nint)goOn;
        Hart.Engine = this;
        _core = new InterpreterCore(Hart, InterpretedPages);
        _translator = new Translator(Hart, _context, code);
        if (code.Options.Verify) _verifier = new Verifier(Hart, _core, this);
    }

    // Also how often the translator looks where the time goes, and how deep calls of generated code may nest: each takes 16 bytes of the thread's
    // stack, so that half of the megabyte of a vCPU's thread is left.
    private protected override long SliceTicks => 1 << 15;

    private protected override ulong CodeInvalidations => _core.Invalidations + _translator.Invalidations;

    /// <summary>Instructions that generated code left to the interpreter, and times that it missed the jump cache.</summary>
    internal ulong Interpreted { get; private set; }

    internal ulong JumpMisses { get; private set; }

    private protected override TranslationStatistics Translation => _translator.Statistics with
    {
        HelperCalls =
        [
            new("fill TLB", _context->Fills), new("link jump", _goneOn[(int)NativeExit.Link]),
            new("look up jump", _goneOn[(int)NativeExit.Lookup]), new("interpret", _goneOn[(int)NativeExit.Interpret]),
        ],
        // Names are looked up at the end of every machine otherwise, for nobody.
        Interpreted = new DeferredCounts(() => [.. _core.Stepped.Read()]),
    };

    private protected override void RunGuest()
    {
        HartContext* c = Hart.Context;
        while (c->Budget > 0)
        {
            // A unit may overrun what is left by its length; where a run has an exact end, the interpreter finishes it.
            ulong left = EndTicks - c->Ticks;
            if (left <= Lifter.MaxInstructions)
            {
                _core.Run();
                return;
            }
            c->CodePage = c->State.Pc & SoftTlb.PageMask;
            nint code = _translator.Find(c->State.Pc);
            bool goesOn = code == 0 ? Interpret() : RunNative(code);
            if (!goesOn) return;
        }
    }

    private protected override void FenceInstructions()
    {
        _core.Fence();
        _translator.Fence();
    }

    private protected override void DisposeEngine()
    {
        _translator.Dispose();
        _core.Dispose();
    }

    private bool Interpret()
    {
        Interpreted++;
        return _core.Step();
    }

    // Runs generated code until something else is to be done. False if the run loop must look around.
    private bool RunNative(nint code)
    {
        HartContext* c = Hart.Context;
        ref NativeFrame frame = ref _context->Frame;
        frame.Budget = _given = NativeBudget;
        PrepareFloat();
        delegate* unmanaged<JitContext*, nint, int> enter;
        // SAFETY: the stub takes (context, code) by the System V ABI and returns the exit; code was emitted for this context.
        unsafe { enter = (delegate* unmanaged<JitContext*, nint, int>)_translator.EnterStub; }
        _goesOn = true;
        _verifier?.Begin();
        NativeExit exit = (NativeExit)enter(_context, code);
        _translator.Leave();
        if (exit is NativeExit.Budget or NativeExit.BudgetIndirect)
        {
            Account(exit);
            if (_verifier is not { IsSearching: true }) _translator.Sample(c->State.Pc);
        }
        if (_failure is { } failure)
        {
            _failure = null;
            failure.Throw();
        }
        _verifier?.End(interprets: false);
        return _goesOn;
    }

    // Instructions that generated code may begin: where a run has an exact end, the interpreter finishes it.
    private long NativeBudget => (long)Math.Min((ulong)Hart.Context->Budget, EndTicks - Hart.Context->Ticks - Lifter.MaxInstructions);

    // After generated code: counts what has begun, and sets the pc.
    private void Account(NativeExit exit)
    {
        HartContext* c = Hart.Context;
        ref NativeFrame frame = ref _context->Frame;
        c->Budget -= _given - frame.Budget;
        _given = frame.Budget;
        bool hasAddress = exit is NativeExit.Lookup or NativeExit.BudgetIndirect;
        c->State.Pc = hasAddress ? frame.ExitAddress & ~1UL : c->CodePage + (ulong)(long)frame.ExitOffset;
        HarvestFloat();
    }

    [UnmanagedCallersOnly]
    private static nint GoOn(JitContext* context, int exit)
    {
        var self = Unsafe.As<JitVcpu>(Harts.Hart.Of(&context->Hart).Engine!);
        try
        {
            return self.GoOn((NativeExit)exit);
        }
#pragma warning disable CA1031 // No exception may cross generated code: it goes on behind it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            self._failure = ExceptionDispatchInfo.Capture(e);
            return 0;
        }
    }

    // Does what generated code does not, and finds where it goes on. Zero if the run loop is to be asked; the pc is in the state then.
    private nint GoOn(NativeExit exit)
    {
        _translator.Leave();
        _goneOn[(int)exit]++;
        if (exit == NativeExit.Interpret)
        {
            Account(exit);
            if (_verifier is { IsSearching: true }) return 0;
            if (StepAndLook()) return Continue();
            _goesOn = false;
            return 0;
        }
        nint code = _context->Frame.Budget > 0 && _verifier is not { IsSearching: true } ? FindNext(exit) : 0;
        if (code == 0) Account(exit);
        return code;
    }

    // Runs one instruction that generated code left out. False if the run loop must look around.
    private bool StepAndLook()
    {
        _verifier?.End(interprets: true);
        if (_context->Frame.ExitOffset == 0xFFE) _translator.Straddled(Hart.Context->CodePage);
        uint privilege = (uint)Hart.Context->State.Privilege;
        bool goesOn = Interpret();
        if ((uint)Hart.Context->State.Privilege != privilege) _context->Frame.ReturnsStale = 1;
        _verifier?.Interpreted();
        return goesOn || !MustLookAround;
    }

    // Nothing but the way on is missing: what was counted stays in the frame, and the floating-point unit as it is.
    private nint FindNext(NativeExit exit)
    {
        ref NativeFrame frame = ref _context->Frame;
        if (exit == NativeExit.Link) return _translator.FindLinked(frame.ExitLink);
        JumpMisses++;
        ulong pc = frame.ExitAddress & ~1UL;
        Hart.Context->CodePage = pc & SoftTlb.PageMask;
        return _translator.Find(pc);
    }

    private nint Continue()
    {
        HartContext* c = Hart.Context;
        if (c->Budget <= 0 || EndTicks - c->Ticks <= Lifter.MaxInstructions) return 0;
        ulong pc = c->State.Pc;
        c->CodePage = pc & SoftTlb.PageMask;
        nint code = _translator.Find(pc);
        return code == 0 ? 0 : Enter(code);
    }

    private nint Enter(nint code)
    {
        _context->Frame.Budget = _given = NativeBudget;
        PrepareFloat();
        _verifier?.Begin();
        return code;
    }

    void ITranslatedRunner.RunUnit() => RunOnce(_translator.Find(Hart.Context->State.Pc));

    void ITranslatedRunner.RunPrefix(int instructions) => RunOnce(_translator.CompilePrefix(Hart.Context->State.Pc, instructions));

    (byte[] Code, ulong Address, string Quality) ITranslatedRunner.Describe()
    {
        nint code = _translator.Find(Hart.Context->State.Pc);
        _translator.Leave();
        (byte[] bytes, string quality) = _translator.Describe(code);
        return (bytes, (ulong)code, quality);
    }

    // Without a budget, generated code comes back where it would leave the unit.
    private void RunOnce(nint code)
    {
        HartContext* c = Hart.Context;
        c->TickLimit = c->Ticks;
        c->Budget = 0;
        c->CodePage = c->State.Pc & SoftTlb.PageMask;
        if (code != 0) RunNative(code);
    }

    // While FS is Dirty no instruction has to mark it, and the host knows all rounding modes but round-to-nearest-ties-to-max-magnitude.
    private void PrepareFloat()
    {
        ref RiscVState s = ref Hart.Context->State;
        _context->RoundingReady = s.Frm <= 3 ? 1UL : 0;
        _context->FloatReady = (s.Mstatus & Mstatus.Fs) == Mstatus.Fs ? _context->RoundingReady : 0;
        bool zero = s.Privilege == (uint)PrivilegeMode.Machine
            || ((s.Menvcfg & Envcfg.Cbze) != 0 && (s.Privilege == (uint)PrivilegeMode.Supervisor || (s.Senvcfg & Envcfg.Cbze) != 0));
        _context->ZeroReady = zero ? 1UL : 0;
        // The guest counts its modes nearest, zero, down, up; the host nearest, down, up, zero.
        uint rounding = s.Frm switch { 1 => 3, 2 => 1, 3 => 2, _ => 0 };
        _context->Frame.GuestMxcsr = NativeFrame.DefaultMxcsr | (rounding << 13);
    }

    // Accrued flags of the host, invalid, denormal, zero divide, overflow, underflow, precision from bit 0, become the guest's.
    private void HarvestFloat()
    {
        uint flags = _context->Frame.GuestMxcsr & 0x3D;
        if (flags != 0) Hart.Context->State.Fflags |= ToGuestFlags(flags);
    }

    private static uint ToGuestFlags(uint flags) =>
        ((flags & 1) << 4) | ((flags & 4) << 1) | ((flags & 8) >> 1) | ((flags & 16) >> 3) | ((flags & 32) >> 5);

    [UnmanagedCallersOnly]
    private static nint Fill(JitContext* context, ulong va, uint packed)
    {
        context->Fills++;
        int size = 1 << (int)((packed >> NativeFrame.PackedSizeShift) & 3);
        bool write = (packed & NativeFrame.PackedWrite) != 0, atomic = (packed & NativeFrame.PackedAtomic) != 0;
        if (((va ^ (va + (ulong)size - 1)) & SoftTlb.PageMask) != 0) return 0;
        if (atomic && (va & (ulong)(size - 1)) != 0) return 0;
        HartContext* c = &context->Hart;
        HartMmu mmu = Harts.Hart.Of(c).Mmu;
        if (!mmu.TryGetAligned(va, size, write ? AccessType.Store : AccessType.Load, out nint hva, out ulong pa)) return 0;
        // The interpreter does the store and tells the board of it.
        if (write && mmu.ReportsStores(pa)) return 0;
        if (!atomic) return hva;
        // An atomic that needs the entry tries again: that must not go on for ever where the TLB holds no such page.
        SoftTlbEntry* entry = c->EntryOf(va);
        return (write ? entry->WriteTag : entry->ReadTag) == (va & SoftTlb.PageMask) ? hva : 0;
    }
}
