using Doppel.RiscV.Decode;
using static Doppel.RiscV.Decode.InstructionFormat;
using D = Doppel.RiscV.Semantics.FloatSemantics<Doppel.RiscV.Semantics.Binary64, double>;
using M = Doppel.RiscV.Semantics.FloatMoveSemantics;
using S = Doppel.RiscV.Semantics.FloatSemantics<Doppel.RiscV.Semantics.Binary32, float>;

namespace Doppel.RiscV.Semantics;

/// <summary>Encodings and bodies of F and D.</summary>
internal static unsafe class FloatTable
{
#pragma warning disable IDE0055 // One aligned row for each instruction.
    internal static InstructionRow[] Rows() =>
    [
        // F (unprivileged manual, chapter "F")
        new("flw",        0x00002007, 0x0000707F, FpLoad,              &M.Load<uint>),
        new("fsw",        0x00002027, 0x0000707F, InstructionFormat.S, &M.Store<uint>),
        new("fmadd.s",    0x00000043, 0x0600007F, FpR4,                &S.MulAdd),
        new("fmsub.s",    0x00000047, 0x0600007F, FpR4,                &S.MulSub),
        new("fnmsub.s",   0x0000004B, 0x0600007F, FpR4,                &S.NegMulSub),
        new("fnmadd.s",   0x0000004F, 0x0600007F, FpR4,                &S.NegMulAdd),
        new("fadd.s",     0x00000053, 0xFE00007F, FpR,                 &S.Add),
        new("fsub.s",     0x08000053, 0xFE00007F, FpR,                 &S.Sub),
        new("fmul.s",     0x10000053, 0xFE00007F, FpR,                 &S.Mul),
        new("fdiv.s",     0x18000053, 0xFE00007F, FpR,                 &S.Div),
        new("fsqrt.s",    0x58000053, 0xFFF0007F, FpR,                 &S.Sqrt),
        new("fsgnj.s",    0x20000053, 0xFE00707F, FpR,                 &S.SignInject),
        new("fsgnjn.s",   0x20001053, 0xFE00707F, FpR,                 &S.SignInjectNegate),
        new("fsgnjx.s",   0x20002053, 0xFE00707F, FpR,                 &S.SignInjectXor),
        new("fmin.s",     0x28000053, 0xFE00707F, FpR,                 &S.Min),
        new("fmax.s",     0x28001053, 0xFE00707F, FpR,                 &S.Max),
        new("fle.s",      0xA0000053, 0xFE00707F, FpToInt,             &S.LessOrEqual),
        new("flt.s",      0xA0001053, 0xFE00707F, FpToInt,             &S.Less),
        new("feq.s",      0xA0002053, 0xFE00707F, FpToInt,             &S.Equal),
        new("fclass.s",   0xE0001053, 0xFFF0707F, FpToInt,             &S.Classify),
        new("fcvt.w.s",   0xC0000053, 0xFFF0007F, FpToInt,             &S.ToInt32),
        new("fcvt.wu.s",  0xC0100053, 0xFFF0007F, FpToInt,             &S.ToUInt32),
        new("fcvt.l.s",   0xC0200053, 0xFFF0007F, FpToInt,             &S.ToInt64),
        new("fcvt.lu.s",  0xC0300053, 0xFFF0007F, FpToInt,             &S.ToUInt64),
        new("fcvt.s.w",   0xD0000053, 0xFFF0007F, FpR,                 &S.FromInt32),
        new("fcvt.s.wu",  0xD0100053, 0xFFF0007F, FpR,                 &S.FromUInt32),
        new("fcvt.s.l",   0xD0200053, 0xFFF0007F, FpR,                 &S.FromInt64),
        new("fcvt.s.lu",  0xD0300053, 0xFFF0007F, FpR,                 &S.FromUInt64),
        new("fmv.x.w",    0xE0000053, 0xFFF0707F, FpToInt,             &M.MoveToWord),
        new("fmv.w.x",    0xF0000053, 0xFFF0707F, FpR,                 &M.MoveFromWord),

        // D (unprivileged manual, chapter "D")
        new("fld",        0x00003007, 0x0000707F, FpLoad,              &M.Load<ulong>),
        new("fsd",        0x00003027, 0x0000707F, InstructionFormat.S, &M.Store<ulong>),
        new("fmadd.d",    0x02000043, 0x0600007F, FpR4,                &D.MulAdd),
        new("fmsub.d",    0x02000047, 0x0600007F, FpR4,                &D.MulSub),
        new("fnmsub.d",   0x0200004B, 0x0600007F, FpR4,                &D.NegMulSub),
        new("fnmadd.d",   0x0200004F, 0x0600007F, FpR4,                &D.NegMulAdd),
        new("fadd.d",     0x02000053, 0xFE00007F, FpR,                 &D.Add),
        new("fsub.d",     0x0A000053, 0xFE00007F, FpR,                 &D.Sub),
        new("fmul.d",     0x12000053, 0xFE00007F, FpR,                 &D.Mul),
        new("fdiv.d",     0x1A000053, 0xFE00007F, FpR,                 &D.Div),
        new("fsqrt.d",    0x5A000053, 0xFFF0007F, FpR,                 &D.Sqrt),
        new("fsgnj.d",    0x22000053, 0xFE00707F, FpR,                 &D.SignInject),
        new("fsgnjn.d",   0x22001053, 0xFE00707F, FpR,                 &D.SignInjectNegate),
        new("fsgnjx.d",   0x22002053, 0xFE00707F, FpR,                 &D.SignInjectXor),
        new("fmin.d",     0x2A000053, 0xFE00707F, FpR,                 &D.Min),
        new("fmax.d",     0x2A001053, 0xFE00707F, FpR,                 &D.Max),
        new("fle.d",      0xA2000053, 0xFE00707F, FpToInt,             &D.LessOrEqual),
        new("flt.d",      0xA2001053, 0xFE00707F, FpToInt,             &D.Less),
        new("feq.d",      0xA2002053, 0xFE00707F, FpToInt,             &D.Equal),
        new("fclass.d",   0xE2001053, 0xFFF0707F, FpToInt,             &D.Classify),
        new("fcvt.w.d",   0xC2000053, 0xFFF0007F, FpToInt,             &D.ToInt32),
        new("fcvt.wu.d",  0xC2100053, 0xFFF0007F, FpToInt,             &D.ToUInt32),
        new("fcvt.l.d",   0xC2200053, 0xFFF0007F, FpToInt,             &D.ToInt64),
        new("fcvt.lu.d",  0xC2300053, 0xFFF0007F, FpToInt,             &D.ToUInt64),
        new("fcvt.d.w",   0xD2000053, 0xFFF0007F, FpR,                 &D.FromInt32),
        new("fcvt.d.wu",  0xD2100053, 0xFFF0007F, FpR,                 &D.FromUInt32),
        new("fcvt.d.l",   0xD2200053, 0xFFF0007F, FpR,                 &D.FromInt64),
        new("fcvt.d.lu",  0xD2300053, 0xFFF0007F, FpR,                 &D.FromUInt64),
        new("fcvt.d.s",   0x42000053, 0xFFF0007F, FpR,                 &M.Widen),
        new("fcvt.s.d",   0x40100053, 0xFFF0007F, FpR,                 &M.Narrow),
        new("fmv.x.d",    0xE2000053, 0xFFF0707F, FpToInt,             &M.MoveToDoubleword),
        new("fmv.d.x",    0xF2000053, 0xFFF0707F, FpR,                 &M.MoveFromDoubleword),
    ];
#pragma warning restore IDE0055
}
