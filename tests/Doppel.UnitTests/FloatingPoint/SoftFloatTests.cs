using Doppel.RiscV.Semantics;
using Fp = Doppel.RiscV.Semantics.FloatingPoint;

namespace Doppel.UnitTests.FloatingPoint;

/// <summary>The two roads to one result: software and host arithmetic agree bit for bit wherever the host's road is open.</summary>
public sealed class SoftFloatTests
{
    private const int Seed = 20_260_102;
    private const int Cases = 100_000;

    [Theory]
    [InlineData("fadd")]
    [InlineData("fmul")]
    [InlineData("fdiv")]
    [InlineData("fsqrt")]
    [InlineData("fmadd")]
    public void SoftFloat_DoublePrecision_EqualsHardware(string name) =>
        AssertSame(name + ".d", Software<Binary64>(name));

    [Theory]
    [InlineData("fadd")]
    [InlineData("fmul")]
    [InlineData("fdiv")]
    [InlineData("fsqrt")]
    [InlineData("fmadd")]
    public void SoftFloat_SinglePrecision_EqualsHardware(string name)
    {
        FloatFunction software = Software<Binary32>(name);
        AssertSame(name + ".s", (in c, ref flags) =>
        {
            FloatCase unboxed = c with { A = Fp.Unbox(c.A), B = Fp.Unbox(c.B), C = Fp.Unbox(c.C) };
            return Fp.Box((uint)software(in unboxed, ref flags));
        });
    }

    private static void AssertSame(string mnemonic, FloatFunction software)
    {
        FloatCaseGenerator generator = new(Seed);
        int operation = Array.FindIndex(FloatOperation.All, row => row.Mnemonic == mnemonic);
        for (int i = 0; i < Cases; i++)
        {
            FloatCase c = generator.Next(operation);
            uint flags = 0;
            ulong result = software(in c, ref flags);
            FloatOutcome actual = new(result, flags), expected = FloatOperation.Run(c);
            Assert.True(actual == expected, $"seed {Seed}: {FloatOperation.Describe(c)}: software {actual}, hardware {expected}");
        }
    }

    private static FloatFunction Software<TFormat>(string name)
        where TFormat : struct, IFloatFormat
    {
        Dictionary<string, FloatFunction> functions = new(StringComparer.Ordinal)
        {
            ["fadd"] = (in c, ref f) => SoftFloat<TFormat>.Add(c.A, c.B, c.Rm, ref f),
            ["fmul"] = (in c, ref f) => SoftFloat<TFormat>.Mul(c.A, c.B, c.Rm, ref f),
            ["fdiv"] = (in c, ref f) => SoftFloat<TFormat>.Div(c.A, c.B, c.Rm, ref f),
            ["fsqrt"] = (in c, ref f) => SoftFloat<TFormat>.Sqrt(c.A, c.Rm, ref f),
            ["fmadd"] = (in c, ref f) => SoftFloat<TFormat>.MulAdd(c.A, c.B, c.C, c.Rm, ref f),
        };
        return functions[name];
    }
}
