using Doppel.RiscV.Semantics;
using Fp = Doppel.RiscV.Semantics.FloatingPoint;

namespace Doppel.UnitTests.FloatingPoint;

/// <summary>What an operand slot of an instruction holds.</summary>
public enum OperandKind
{
    None,
    Float32,
    Float64,
    Integer,
}

/// <summary>One execution: the registers and the rounding mode that go in.</summary>
public readonly record struct FloatCase(int Operation, int Rm, ulong A, ulong B, ulong C);

/// <summary>What comes out: the destination register and fflags.</summary>
public readonly record struct FloatOutcome(ulong Result, ulong Flags);

/// <summary>Our arithmetic for one instruction, from registers to register.</summary>
internal delegate ulong FloatFunction(in FloatCase c, ref uint flags);

/// <summary>One instruction of F or D: how the assembler calls it, what it takes, and our arithmetic for it.</summary>
internal sealed record FloatOperation(string Mnemonic, bool ToInteger, OperandKind A, OperandKind B, OperandKind C, FloatFunction Function)
{
    private const OperandKind N = OperandKind.None, S = OperandKind.Float32, D = OperandKind.Float64, X = OperandKind.Integer;

    /// <summary>Every instruction of F and D that computes.</summary>
    internal static readonly FloatOperation[] All =
    [
        new("fadd.d", false, D, D, N, (in c, ref f) => Fp.Add64(c.A, c.B, c.Rm, ref f)),
        new("fsub.d", false, D, D, N, (in c, ref f) => Fp.Sub64(c.A, c.B, c.Rm, ref f)),
        new("fmul.d", false, D, D, N, (in c, ref f) => Fp.Mul64(c.A, c.B, c.Rm, ref f)),
        new("fdiv.d", false, D, D, N, (in c, ref f) => Fp.Div64(c.A, c.B, c.Rm, ref f)),
        new("fsqrt.d", false, D, N, N, (in c, ref f) => Fp.Sqrt64(c.A, c.Rm, ref f)),
        new("fmadd.d", false, D, D, D, (in c, ref f) => Fp.MulAdd64(c.A, c.B, c.C, c.Rm, ref f)),
        new("fmsub.d", false, D, D, D, (in c, ref f) => Fp.MulSub64(c.A, c.B, c.C, c.Rm, ref f)),
        new("fnmsub.d", false, D, D, D, (in c, ref f) => Fp.NegMulSub64(c.A, c.B, c.C, c.Rm, ref f)),
        new("fnmadd.d", false, D, D, D, (in c, ref f) => Fp.NegMulAdd64(c.A, c.B, c.C, c.Rm, ref f)),
        new("fmin.d", false, D, D, N, (in c, ref f) => Fp.Min64(c.A, c.B, ref f)),
        new("fmax.d", false, D, D, N, (in c, ref f) => Fp.Max64(c.A, c.B, ref f)),
        new("feq.d", true, D, D, N, (in c, ref f) => Fp.Eq64(c.A, c.B, ref f)),
        new("flt.d", true, D, D, N, (in c, ref f) => Fp.Lt64(c.A, c.B, ref f)),
        new("fle.d", true, D, D, N, (in c, ref f) => Fp.Le64(c.A, c.B, ref f)),
        new("fclass.d", true, D, N, N, (in c, ref f) => Fp.Classify64(c.A)),
        new("fsgnj.d", false, D, D, N, (in c, ref f) => Fp.SignInject64(c.A, c.B)),
        new("fsgnjn.d", false, D, D, N, (in c, ref f) => Fp.SignInjectNegate64(c.A, c.B)),
        new("fsgnjx.d", false, D, D, N, (in c, ref f) => Fp.SignInjectXor64(c.A, c.B)),
        new("fadd.s", false, S, S, N, (in c, ref f) => Fp.Box(Fp.Add32(Fp.Unbox(c.A), Fp.Unbox(c.B), c.Rm, ref f))),
        new("fsub.s", false, S, S, N, (in c, ref f) => Fp.Box(Fp.Sub32(Fp.Unbox(c.A), Fp.Unbox(c.B), c.Rm, ref f))),
        new("fmul.s", false, S, S, N, (in c, ref f) => Fp.Box(Fp.Mul32(Fp.Unbox(c.A), Fp.Unbox(c.B), c.Rm, ref f))),
        new("fdiv.s", false, S, S, N, (in c, ref f) => Fp.Box(Fp.Div32(Fp.Unbox(c.A), Fp.Unbox(c.B), c.Rm, ref f))),
        new("fsqrt.s", false, S, N, N, (in c, ref f) => Fp.Box(Fp.Sqrt32(Fp.Unbox(c.A), c.Rm, ref f))),
        new("fmadd.s", false, S, S, S, (in c, ref f) => Fp.Box(Fp.MulAdd32(Fp.Unbox(c.A), Fp.Unbox(c.B), Fp.Unbox(c.C), c.Rm, ref f))),
        new("fmsub.s", false, S, S, S, (in c, ref f) => Fp.Box(Fp.MulSub32(Fp.Unbox(c.A), Fp.Unbox(c.B), Fp.Unbox(c.C), c.Rm, ref f))),
        new("fnmsub.s", false, S, S, S, (in c, ref f) => Fp.Box(Fp.NegMulSub32(Fp.Unbox(c.A), Fp.Unbox(c.B), Fp.Unbox(c.C), c.Rm, ref f))),
        new("fnmadd.s", false, S, S, S, (in c, ref f) => Fp.Box(Fp.NegMulAdd32(Fp.Unbox(c.A), Fp.Unbox(c.B), Fp.Unbox(c.C), c.Rm, ref f))),
        new("fmin.s", false, S, S, N, (in c, ref f) => Fp.Box(Fp.Min32(Fp.Unbox(c.A), Fp.Unbox(c.B), ref f))),
        new("fmax.s", false, S, S, N, (in c, ref f) => Fp.Box(Fp.Max32(Fp.Unbox(c.A), Fp.Unbox(c.B), ref f))),
        new("feq.s", true, S, S, N, (in c, ref f) => Fp.Eq32(Fp.Unbox(c.A), Fp.Unbox(c.B), ref f)),
        new("flt.s", true, S, S, N, (in c, ref f) => Fp.Lt32(Fp.Unbox(c.A), Fp.Unbox(c.B), ref f)),
        new("fle.s", true, S, S, N, (in c, ref f) => Fp.Le32(Fp.Unbox(c.A), Fp.Unbox(c.B), ref f)),
        new("fclass.s", true, S, N, N, (in c, ref f) => Fp.Classify32(Fp.Unbox(c.A))),
        new("fsgnj.s", false, S, S, N, (in c, ref f) => Fp.Box(Fp.SignInject32(Fp.Unbox(c.A), Fp.Unbox(c.B)))),
        new("fsgnjn.s", false, S, S, N, (in c, ref f) => Fp.Box(Fp.SignInjectNegate32(Fp.Unbox(c.A), Fp.Unbox(c.B)))),
        new("fsgnjx.s", false, S, S, N, (in c, ref f) => Fp.Box(Fp.SignInjectXor32(Fp.Unbox(c.A), Fp.Unbox(c.B)))),
        new("fcvt.d.s", false, S, N, N, (in c, ref f) => Fp.Float32To64(Fp.Unbox(c.A), ref f)),
        new("fcvt.s.d", false, D, N, N, (in c, ref f) => Fp.Box(Fp.Float64To32(c.A, c.Rm, ref f))),
        new("fcvt.w.d", true, D, N, N, (in c, ref f) => (ulong)(long)Fp.Float64ToInt32(c.A, c.Rm, ref f)),
        new("fcvt.wu.d", true, D, N, N, (in c, ref f) => (ulong)(int)Fp.Float64ToUInt32(c.A, c.Rm, ref f)),
        new("fcvt.l.d", true, D, N, N, (in c, ref f) => (ulong)Fp.Float64ToInt64(c.A, c.Rm, ref f)),
        new("fcvt.lu.d", true, D, N, N, (in c, ref f) => Fp.Float64ToUInt64(c.A, c.Rm, ref f)),
        new("fcvt.w.s", true, S, N, N, (in c, ref f) => (ulong)(long)Fp.Float32ToInt32(Fp.Unbox(c.A), c.Rm, ref f)),
        new("fcvt.wu.s", true, S, N, N, (in c, ref f) => (ulong)(int)Fp.Float32ToUInt32(Fp.Unbox(c.A), c.Rm, ref f)),
        new("fcvt.l.s", true, S, N, N, (in c, ref f) => (ulong)Fp.Float32ToInt64(Fp.Unbox(c.A), c.Rm, ref f)),
        new("fcvt.lu.s", true, S, N, N, (in c, ref f) => Fp.Float32ToUInt64(Fp.Unbox(c.A), c.Rm, ref f)),
        new("fcvt.d.w", false, X, N, N, (in c, ref f) => Fp.Int32ToFloat64((int)c.A)),
        new("fcvt.d.wu", false, X, N, N, (in c, ref f) => Fp.UInt32ToFloat64((uint)c.A)),
        new("fcvt.d.l", false, X, N, N, (in c, ref f) => Fp.Int64ToFloat64((long)c.A, c.Rm, ref f)),
        new("fcvt.d.lu", false, X, N, N, (in c, ref f) => Fp.UInt64ToFloat64(c.A, c.Rm, ref f)),
        new("fcvt.s.w", false, X, N, N, (in c, ref f) => Fp.Box(Fp.Int32ToFloat32((int)c.A, c.Rm, ref f))),
        new("fcvt.s.wu", false, X, N, N, (in c, ref f) => Fp.Box(Fp.UInt32ToFloat32((uint)c.A, c.Rm, ref f))),
        new("fcvt.s.l", false, X, N, N, (in c, ref f) => Fp.Box(Fp.Int64ToFloat32((long)c.A, c.Rm, ref f))),
        new("fcvt.s.lu", false, X, N, N, (in c, ref f) => Fp.Box(Fp.UInt64ToFloat32(c.A, c.Rm, ref f))),
    ];

    /// <summary>Our outcome, from clear flags.</summary>
    internal static FloatOutcome Run(in FloatCase c, uint flags = 0)
    {
        ulong result = All[c.Operation].Function(c, ref flags);
        return new FloatOutcome(result, flags);
    }

    /// <summary>The case as a person reads it.</summary>
    internal static string Describe(in FloatCase c) =>
        $"{All[c.Operation].Mnemonic} rm={c.Rm} a=0x{c.A:x16} b=0x{c.B:x16} c=0x{c.C:x16}";
}
