using System.Runtime.CompilerServices;

namespace Doppel.RiscV.Semantics;

/// <summary>
/// One IEEE 754 binary interchange format. Raw bits travel as <see cref="ulong"/>, zero-extended. The members are compile-time
/// constants once a generic method is instantiated for a format, so one text serves both precisions at no cost.
/// </summary>
internal interface IFloatFormat
{
    /// <summary>Bits of the trailing significand field.</summary>
    static abstract int FractionBits { get; }

    /// <summary>Value of the exponent field of infinities and NaNs.</summary>
    static abstract int ExponentMask { get; }

    /// <summary>Smallest exponent of a normal number (emin); the exponent bias is <c>1 - MinExponent</c>.</summary>
    static abstract int MinExponent { get; }

    /// <summary>The sign bit.</summary>
    static abstract ulong SignBit { get; }

    /// <summary>Positive infinity; magnitudes above it are NaNs.</summary>
    static abstract ulong Infinity { get; }

    /// <summary>The NaN that every RISC-V operation returns (F extension, "NaN Generation and Propagation").</summary>
    static abstract ulong CanonicalNaN { get; }

    /// <summary>The operand that a floating-point register holds: unboxed where the format is narrower than the register.</summary>
    static abstract ulong FromRegister(ulong register);

    /// <summary>What a floating-point register holds for a result: boxed where the format is narrower than the register.</summary>
    static abstract ulong ToRegister(ulong bits);
}

/// <summary>A format that the host's registers hold as <typeparamref name="TFloat"/>.</summary>
internal interface IFloatFormat<TFloat> : IFloatFormat
{
    /// <summary>The number with these bits.</summary>
    static abstract TFloat FromBits(ulong bits);

    /// <summary>The bits of a number.</summary>
    static abstract ulong ToBits(TFloat value);
}

/// <summary>binary32: the F extension.</summary>
internal readonly struct Binary32 : IFloatFormat<float>
{
    public static int FractionBits => 23;

    public static int ExponentMask => 0xff;

    public static int MinExponent => -126;

    public static ulong SignBit => 0x8000_0000;

    public static ulong Infinity => 0x7f80_0000;

    public static ulong CanonicalNaN => 0x7fc0_0000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong FromRegister(ulong register) => FloatingPoint.Unbox(register);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ToRegister(ulong bits) => FloatingPoint.Box((uint)bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float FromBits(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ToBits(float value) => BitConverter.SingleToUInt32Bits(value);
}

/// <summary>binary64: the D extension.</summary>
internal readonly struct Binary64 : IFloatFormat<double>
{
    public static int FractionBits => 52;

    public static int ExponentMask => 0x7ff;

    public static int MinExponent => -1022;

    public static ulong SignBit => 0x8000_0000_0000_0000;

    public static ulong Infinity => 0x7ff0_0000_0000_0000;

    public static ulong CanonicalNaN => 0x7ff8_0000_0000_0000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong FromRegister(ulong register) => register;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ToRegister(ulong bits) => bits;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double FromBits(ulong bits) => BitConverter.UInt64BitsToDouble(bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ToBits(double value) => BitConverter.DoubleToUInt64Bits(value);
}
