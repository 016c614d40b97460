using Doppel.Core.Bus;
using Doppel.Core.Execution;
using Doppel.Core.Memory;
using Doppel.RiscV;
using Doppel.RiscV.Engines;
using Doppel.UnitTests.Devices;

namespace Doppel.UnitTests.FloatingPoint;

/// <summary>What surrounds the arithmetic: the unit's state in mstatus.FS, reserved rounding modes, loads, stores and NaN boxes.</summary>
public sealed unsafe class FloatInstructionTests : IDisposable
{
    private const ulong Base = 0x8000_0000, Data = Base + 0x2000, Handler = Base + 0x1000;
    private const ulong Initial = 1UL << 13, Clean = 2UL << 13, Dirty = 3UL << 13;
    private const uint FaddD = 0x02c5_f553; // fadd.d fa0,fa1,fa2,dyn

    private readonly GuestMemory _memory = new(new RamRegion(Base, 0x10000, false, "ram"));
    private readonly ManualTime _time = new();
    private readonly IRiscVVcpu _vcpu;

    public FloatInstructionTests() => _vcpu = new InterpreterEngine().CreateVcpu(0, new RiscVPlatform(_memory, new MmioBus(), _time));

    public void Dispose()
    {
        _vcpu.Dispose();
        _time.Dispose();
        _memory.Dispose();
    }

    [Theory]
    [InlineData(FaddD)]
    [InlineData(0x6ac5_f543)] // fmadd.d fa0,fa1,fa2,fa3
    [InlineData(0x22b5_8553)] // fsgnj.d fa0,fa1,fa1
    [InlineData(0xa2c5_a553)] // feq.d a0,fa1,fa2
    [InlineData(0xc205_f553)] // fcvt.w.d a0,fa1
    [InlineData(0xd205_8553)] // fcvt.d.w fa0,a1
    [InlineData(0x4205_8553)] // fcvt.d.s fa0,fa1
    [InlineData(0xe205_8553)] // fmv.x.d a0,fa1
    [InlineData(0xf205_8553)] // fmv.d.x fa0,a1
    [InlineData(0xf005_8553)] // fmv.w.x fa0,a1
    [InlineData(0xe205_9553)] // fclass.d a0,fa1
    [InlineData(0x0045_a507)] // flw fa0,4(a1)
    [InlineData(0x00a5_a227)] // fsw fa0,4(a1)
    [InlineData(0x2588)] // c.fld fa0,8(a1)
    [InlineData(0xa588)] // c.fsd fa0,8(a1)
    [InlineData(0x2542)] // c.fldsp fa0,16(sp)
    [InlineData(0xa82a)] // c.fsdsp fa0,16(sp)
    public void Instruction_UnitOff_IsIllegalAndShowsItself(uint word)
    {
        RiscVState after = Step(word, NewState(fs: 0));

        Assert.Equal(Handler, after.Pc);
        Assert.Equal(2UL, after.Mcause);
        Assert.Equal(Base, after.Mepc);
        Assert.Equal(word, after.Mtval);
        Assert.Equal(0UL, after.Mstatus & Dirty);
    }

    [Theory]
    [InlineData(0x02c5_d553, 0)] // static 5
    [InlineData(0x02c5_e553, 0)] // static 6
    [InlineData(FaddD, 5)]
    [InlineData(FaddD, 6)]
    [InlineData(FaddD, 7)]
    [InlineData(0xd205_f553, 5)] // fcvt.d.w never rounds, yet has a rounding mode
    public void Instruction_ReservedRoundingMode_IsIllegal(uint word, uint frm)
    {
        RiscVState before = NewState(Initial);
        before.Frm = frm;

        RiscVState after = Step(word, before);

        Assert.Equal(2UL, after.Mcause);
        Assert.Equal(word, after.Mtval);
        Assert.Equal(Initial, after.Mstatus & Dirty);
    }

    [Theory]
    [InlineData(0x22c5_8553, 7)] // fsgnj.d: its rm field is part of the opcode, and frm does not matter
    [InlineData(0x02c5_9553, 7)] // fadd.d with a static mode
    public void Instruction_FrmNotUsed_IgnoresReservedFrm(uint word, uint frm)
    {
        RiscVState before = NewState(Initial);
        before.Frm = frm;

        Assert.Equal(Base + 4, Step(word, before).Pc);
    }

    [Theory]
    [InlineData(0x0045_a507, Dirty)] // flw
    [InlineData(0x00a5_a227, Clean)] // fsw only reads
    [InlineData(0xe205_8553, Clean)] // fmv.x.d only reads
    [InlineData(0xf205_8553, Dirty)] // fmv.d.x
    [InlineData(0xa2c5_a553, Clean)] // feq.d without a flag
    [InlineData(0x0025_1073, Dirty)] // csrw frm,a0
    public void Instruction_UnitClean_MarksDirtyWhenStateChanges(uint word, ulong expected) =>
        Assert.Equal(expected, Step(word, NewState(Clean)).Mstatus & Dirty);

    [Fact]
    public void Flw_Word_IsBoxed()
    {
        _memory.TryWrite(Data + 4, 0x3f80_0000u);
        RiscVState after = Step(0x0045_a507, NewState(Initial));
        Assert.Equal(0xffff_ffff_3f80_0000, after.F[10]);
    }

    [Fact]
    public void Flw_MisalignedAddress_IsHandled()
    {
        _memory.TryWrite(Data + 5, 0xc0de_f00du);
        RiscVState before = NewState(Initial);
        before.X[11] = Data + 1;
        RiscVState after = Step(0x0045_a507, before);
        Assert.Equal(0xffff_ffff_c0de_f00d, after.F[10]);
    }

    [Fact]
    public void Fsw_UnboxedRegister_StoresItsBits()
    {
        RiscVState before = NewState(Initial);
        before.F[10] = 0x1234_5678_9abc_def0;

        Step(0x00a5_a227, before);

        _memory.TryRead(Data + 4, out ulong stored);
        Assert.Equal(0x9abc_def0UL, stored);
    }

    [Theory]
    [InlineData(0x2588, 8)] // c.fld fa0,8(a1)
    [InlineData(0x2542, 16)] // c.fldsp fa0,16(sp)
    public void CompressedLoad_Doubleword_ReachesRegister(uint word, uint offset)
    {
        _memory.TryWrite(Data + offset, 0x0102_0304_0506_0708UL);
        RiscVState after = Step(word, NewState(Initial));
        Assert.Equal(0x0102_0304_0506_0708UL, after.F[10]);
        Assert.Equal(Base + 2, after.Pc);
    }

    [Theory]
    [InlineData(0xa588, 8)] // c.fsd fa0,8(a1)
    [InlineData(0xa82a, 16)] // c.fsdsp fa0,16(sp)
    public void CompressedStore_Doubleword_ReachesMemory(uint word, uint offset)
    {
        RiscVState before = NewState(Initial);
        before.F[10] = 0x1122_3344_5566_7788;
        Step(word, before);
        _memory.TryRead(Data + offset, out ulong stored);
        Assert.Equal(0x1122_3344_5566_7788UL, stored);
    }

    [Fact]
    public void FmvXW_UnboxedRegister_SignExtendsItsLowWord()
    {
        RiscVState before = NewState(Initial);
        before.F[11] = 0x0000_0001_8000_0000;
        RiscVState after = Step(0xe005_8553, before);
        Assert.Equal(0xffff_ffff_8000_0000, after.X[10]);
    }

    [Fact]
    public void Compare_DestinationX0_LeavesItZero()
    {
        RiscVState before = NewState(Initial);
        RiscVState after = Step(0xa2b5_a053, before); // feq.d x0,fa1,fa1
        Assert.Equal(0UL, after.X[0]);
        Assert.Equal(Base + 4, after.Pc);
    }

    private static RiscVState NewState(ulong fs)
    {
        RiscVState state = default;
        state.Pc = Base;
        state.Privilege = (uint)PrivilegeMode.Machine;
        state.Mstatus = fs;
        state.Mtvec = Handler;
        state.ReservationAddress = ulong.MaxValue;
        state.X[2] = state.X[11] = Data;
        return state;
    }

    private RiscVState Step(uint word, in RiscVState before)
    {
        _memory.TryWrite(Base, word);
        _vcpu.Start(before);
        Assert.Equal(VcpuExit.BudgetSpent, _vcpu.Run(new RunBudget(1)));
        RiscVState after = default;
        _vcpu.Save(ref after);
        return after;
    }
}
