using Doppel.Jit.Abi;
using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>Addresses, in the executable view, of the code that all units share.</summary>
internal sealed record Stubs
{
    /// <summary>Function (context, code) to <see cref="NativeExit"/>.</summary>
    internal nint Enter { get; private set; }

    /// <summary>
    /// Exits by <see cref="NativeExit"/>; registers hold the slots. Those with an address take it in rax, the others the offset on the code page in ecx,
    /// and the number of a link in edx.
    /// </summary>
    internal nint ExitBudget { get; private set; }

    internal nint ExitBudgetIndirect { get; private set; }

    internal nint ExitLink { get; private set; }

    internal nint ExitLookup { get; private set; }

    internal nint ExitInterpret { get; private set; }

    /// <summary>Like their namesakes, but all slots are in the context.</summary>
    internal nint ExitBudgetStored { get; private set; }

    internal nint ExitInterpretStored { get; private set; }

    /// <summary>Called with rax = guest address and edx = packed; returns with rax = host address, all slots kept, or exits.</summary>
    internal nint Fill { get; private set; }

    /// <summary>
    /// Called with rax = guest address and edx = packed; returns with rax = host address or zero, and every register that may hold a slot
    /// as it was.
    /// </summary>
    internal nint FillKeep { get; private set; }

    internal int CodeBytes { get; private set; }

    internal static Stubs Emit(Assembler asm, ContextLayout layout, HomeMap homes) => new Writer(asm, layout, homes).Write();

    private sealed class Writer(Assembler asm, ContextLayout layout, HomeMap homes) : EmitterBase(asm, layout, homes)
    {
        private static readonly Gpr[] s_saved = [Gpr.Rbx, Gpr.Rbp, Gpr.R12, Gpr.R13, Gpr.R14, Gpr.R15];

        internal Stubs Write()
        {
            Stubs stubs = new();
            nint start = Asm.Here;
            Label leave = Asm.NewLabel(), exit = Asm.NewLabel(), goOn = Asm.NewLabel(), goOnStored = Asm.NewLabel(), stored = Asm.NewLabel();
            _goOnAway = Asm.NewLabel();
            stubs.ExitBudget = EmitExit(NativeExit.Budget, exit, hasAddress: false);
            stubs.ExitBudgetIndirect = EmitExit(NativeExit.BudgetIndirect, exit, hasAddress: true);
            stubs.ExitLink = EmitExit(NativeExit.Link, goOn, hasAddress: false);
            nint miss = EmitExit(NativeExit.Lookup, goOn, hasAddress: true);
            stubs.ExitLookup = EmitOtherPlace(miss);
            stubs.ExitInterpret = EmitExit(NativeExit.Interpret, goOn, hasAddress: false);
            stubs.ExitBudgetStored = EmitExit(NativeExit.Budget, stored, hasAddress: false);
            stubs.ExitInterpretStored = EmitExit(NativeExit.Interpret, goOnStored, hasAddress: false);
            stubs.Enter = EmitEnter(EmitNoReturn(miss));
            EmitTail(exit, stored, leave);
            EmitGoOn(goOn, goOnStored, leave);
            stubs.Fill = EmitFill();
            stubs.FillKeep = EmitFillKeep();
            Asm.ResolveLabels();
            stubs.CodeBytes = (int)(Asm.Here - start);
            return stubs;
        }

        private Mem Field(int offset) => Context(Layout.Frame + offset);

        // Under the calls that wait for their return lies one that nobody has made, from an odd address. A target may be odd, too, before bit 0 is
        // cleared: such a return is taken back and looked up.
        private nint EmitNoReturn(nint lookup)
        {
            Asm.Align(16);
            nint entry = Asm.Here;
            Asm.Op(Alu.Sub, true, Gpr.Rsp, sizeof(ulong));
            Asm.JmpAbsolute(lookup);
            return entry;
        }

        private nint EmitEnter(nint noReturn)
        {
            Asm.Align(16);
            nint entry = Asm.Here;
            foreach (Gpr saved in s_saved) Asm.Push(saved);
            Asm.Lea(true, HomeMap.Context, new Mem(Gpr.Rdi, Layout.Base));
            Asm.Push(Field(NativeFrame.ReturnsAt));
            Asm.PushImm(-1);
            Asm.MovImm(Rax, noReturn);
            Asm.Push(Rax);
            Asm.Store(8, Field(NativeFrame.ReturnsAt), Gpr.Rsp);
            Asm.StoreImm(1, Field(NativeFrame.ReturnsStaleAt), 0);
            Asm.Mov(true, Rax, Gpr.Rsi);
            Asm.Stmxcsr(Field(NativeFrame.HostMxcsrAt));
            Asm.Ldmxcsr(Field(NativeFrame.GuestMxcsrAt));
            Asm.Load(8, false, HomeMap.Budget, Field(NativeFrame.BudgetAt));
            LoadHomes(volatileOnly: false);
            Asm.Jmp(Rax);
            return entry;
        }

        private nint EmitExit(NativeExit reason, Label exit, bool hasAddress)
        {
            Asm.Align(16);
            nint entry = Asm.Here;
            if (hasAddress) Asm.Store(8, Field(NativeFrame.ExitAddressAt), Rax);
            else Asm.Store(4, Field(NativeFrame.ExitOffsetAt), Rcx);
            if (reason == NativeExit.Link) Asm.Store(4, Field(NativeFrame.ExitLinkAt), Rdx);
            Asm.MovImm(Rax, (int)reason);
            Asm.Jmp(exit);
            return entry;
        }

        // The address in rax is not at its first place in the jump cache at rdx.
        private nint EmitOtherPlace(nint miss)
        {
            const int PageMask = -4096;
            Asm.Align(16);
            nint entry = Asm.Here;
            Asm.Mov(false, Rcx, Rax);
            Asm.ShiftImm(Shift.Shr, false, Rcx, JumpCacheEntry.OtherShift);
            Asm.Op(Alu.And, false, Rcx, JumpCacheEntry.OtherSometimes);
            Asm.Op(Alu.Xor, false, Rcx, JumpCacheEntry.OtherAlways);
            Asm.Op(Alu.Xor, false, Rcx, Rax);
            Asm.Op(Alu.And, false, Rcx, JumpCacheEntry.IndexMask);
            Asm.Op(Alu.Cmp, true, Rax, new Mem(Rdx, 0, Rcx, 3));
            Asm.JccAbsolute(Cond.Ne, miss);
            Asm.Op(Alu.And, true, Rax, PageMask);
            Asm.Store(8, Context(Layout.CodePage), Rax);
            Asm.Jmp(new Mem(Rdx, sizeof(ulong), Rcx, 3));
            return entry;
        }

        private Label _goOnAway;

        private void EmitTail(Label exit, Label stored, Label leave)
        {
            Asm.Bind(exit);
            StoreHomes();
            Asm.Bind(stored);
            Asm.Stmxcsr(Field(NativeFrame.GuestMxcsrAt));
            Asm.Ldmxcsr(Field(NativeFrame.HostMxcsrAt));
            Asm.Store(8, Field(NativeFrame.BudgetAt), HomeMap.Budget);
            Asm.Bind(leave);
            Asm.Load(8, false, Gpr.Rsp, Field(NativeFrame.ReturnsAt));
            Asm.Op(Alu.Add, true, Gpr.Rsp, 2 * sizeof(ulong));
            Asm.Pop(Field(NativeFrame.ReturnsAt));
            for (int i = s_saved.Length - 1; i >= 0; i--) Asm.Pop(s_saved[i]);
            Asm.Ret();
        }

        // Asks where to go on; eax holds the reason. Zero leaves, with a reason that is no end of the budget.
        private void EmitGoOn(Label goOn, Label stored, Label leave)
        {
            Label nowhere = Asm.NewLabel(), keep = Asm.NewLabel();
            Asm.Bind(goOn);
            StoreHomes();
            Asm.Bind(stored);
            Asm.Stmxcsr(Field(NativeFrame.GuestMxcsrAt));
            Asm.Ldmxcsr(Field(NativeFrame.HostMxcsrAt));
            Asm.Bind(_goOnAway);
            Asm.Store(8, Field(NativeFrame.BudgetAt), HomeMap.Budget);
            Asm.Lea(true, Gpr.Rdi, new Mem(HomeMap.Context, -Layout.Base));
            Asm.Mov(false, Gpr.Rsi, Rax);
            Asm.Call(Field(NativeFrame.GoOnHelperAt));
            Asm.Test(true, Rax, Rax);
            Asm.Jcc(Cond.E, nowhere);
            Asm.CmpByte(Field(NativeFrame.ReturnsStaleAt), 0);
            Asm.Jcc(Cond.E, keep, isShort: true);
            Asm.StoreImm(1, Field(NativeFrame.ReturnsStaleAt), 0);
            Asm.Load(8, false, Gpr.Rsp, Field(NativeFrame.ReturnsAt));
            Asm.Bind(keep);
            Asm.Ldmxcsr(Field(NativeFrame.GuestMxcsrAt));
            Asm.Load(8, false, HomeMap.Budget, Field(NativeFrame.BudgetAt));
            LoadHomes(volatileOnly: false);
            Asm.Jmp(Rax);
            Asm.Bind(nowhere);
            Asm.MovImm(Rax, (int)NativeExit.Interpret);
            Asm.Jmp(leave);
        }

        private nint EmitFill()
        {
            Asm.Align(16);
            nint entry = Asm.Here;
            Label fail = Asm.NewLabel();
            EmitMisaligned();
            Asm.Push(Rdx);
            StoreHomes();
            Asm.Stmxcsr(Field(NativeFrame.GuestMxcsrAt));
            Asm.Ldmxcsr(Field(NativeFrame.HostMxcsrAt));
            Asm.Lea(true, Gpr.Rdi, new Mem(HomeMap.Context, -Layout.Base));
            Asm.Mov(true, Gpr.Rsi, Rax);
            Asm.Call(Field(NativeFrame.FillHelperAt));
            Asm.Pop(Rdx);
            Asm.Test(true, Rax, Rax);
            Asm.Jcc(Cond.E, fail);
            Asm.Ldmxcsr(Field(NativeFrame.GuestMxcsrAt));
            LoadHomes(volatileOnly: true);
            Asm.Ret();
            Asm.Bind(fail);
            Asm.Op(Alu.Add, true, Gpr.Rsp, 8);
            Asm.Mov(false, Rcx, Rdx);
            Asm.Op(Alu.And, false, Rcx, 0xFFF);
            Asm.Store(4, Field(NativeFrame.ExitOffsetAt), Rcx);
            Asm.ShiftImm(Shift.Shr, false, Rdx, NativeFrame.PackedBeforeShift);
            Asm.Op(Alu.Sub, true, HomeMap.Budget, Rdx);
            Asm.MovImm(Rax, (int)NativeExit.Interpret);
            Asm.Jmp(_goOnAway);
            return entry;
        }

        // An access that misses for its alignment only, whose entry is at rcx, is done at once unless it may leave the page. Atomics need more.
        private void EmitMisaligned()
        {
            const int PageSize = 4096, LongestAccess = 8;
            if (!Layout.Has(CompilerFeatures.InlineTlb)) return;
            Label read = Asm.NewLabel(), compare = Asm.NewLabel(), miss = Asm.NewLabel();
            Asm.Push(Rdx);
            Asm.Test(false, Rdx, NativeFrame.PackedAtomic);
            Asm.Jcc(Cond.Ne, miss, isShort: true);
            Asm.Test(false, Rdx, NativeFrame.PackedWrite);
            Asm.Jcc(Cond.E, read, isShort: true);
            Asm.Load(8, false, Rdx, new Mem(Rcx, Layout.TlbWriteTag));
            Asm.Jmp(compare, isShort: true);
            Asm.Bind(read);
            Asm.Load(8, false, Rdx, new Mem(Rcx, Layout.TlbReadTag));
            Asm.Bind(compare);
            // Nothing but the offset is left of the address if the page is the entry's. A tag that no page has is odd.
            Asm.Test(false, Rdx, PageSize - 1);
            Asm.Jcc(Cond.Ne, miss, isShort: true);
            Asm.Op(Alu.Xor, true, Rdx, Rax);
            Asm.Op(Alu.Cmp, true, Rdx, PageSize - LongestAccess);
            Asm.Jcc(Cond.A, miss, isShort: true);
            Asm.Op(Alu.Add, true, Rax, new Mem(Rcx, Layout.TlbAddend));
            Asm.Op(Alu.Add, true, Gpr.Rsp, sizeof(ulong));
            Asm.Ret();
            Asm.Bind(miss);
            Asm.Pop(Rdx);
        }

        private nint EmitFillKeep()
        {
            const int FloatBytes = 14 * 8, Padding = 8;
            Gpr[] kept = [Gpr.Rsi, Gpr.Rdi, Gpr.R8, Gpr.R9, Gpr.R10, Gpr.R11];
            Asm.Align(16);
            nint entry = Asm.Here;
            EmitMisaligned();
            foreach (Gpr register in kept) Asm.Push(register);
            Asm.Op(Alu.Sub, true, Gpr.Rsp, FloatBytes + Padding);
            for (int i = 0; i < 14; i++) Asm.StoreXmm(true, new Mem(Gpr.Rsp, i * 8), (Xmm)(i + 2));
            Asm.Stmxcsr(Field(NativeFrame.GuestMxcsrAt));
            Asm.Ldmxcsr(Field(NativeFrame.HostMxcsrAt));
            Asm.Lea(true, Gpr.Rdi, new Mem(HomeMap.Context, -Layout.Base));
            Asm.Mov(true, Gpr.Rsi, Rax);
            Asm.Call(Field(NativeFrame.FillHelperAt));
            Asm.Ldmxcsr(Field(NativeFrame.GuestMxcsrAt));
            for (int i = 0; i < 14; i++) Asm.LoadXmm(true, (Xmm)(i + 2), new Mem(Gpr.Rsp, i * 8));
            Asm.Op(Alu.Add, true, Gpr.Rsp, FloatBytes + Padding);
            for (int i = kept.Length - 1; i >= 0; i--) Asm.Pop(kept[i]);
            Asm.Ret();
            return entry;
        }

        private void StoreHomes()
        {
            foreach (short slot in Homes.HomedSlots)
            {
                if (Homes.IsFloat(slot)) Asm.StoreXmm(true, Homes.PlaceOf(slot), Homes.FloatOf(slot));
                else Asm.Store(8, Homes.PlaceOf(slot), Homes.IntegerOf(slot));
            }
        }

        // The System V ABI lets a callee destroy everything but the saved registers.
        private void LoadHomes(bool volatileOnly)
        {
            foreach (short slot in Homes.HomedSlots)
            {
                if (Homes.IsFloat(slot)) Asm.LoadXmm(true, Homes.FloatOf(slot), Homes.PlaceOf(slot));
                else if (!volatileOnly || !s_saved.Contains(Homes.IntegerOf(slot))) Asm.Load(8, false, Homes.IntegerOf(slot), Homes.PlaceOf(slot));
            }
        }
    }
}
