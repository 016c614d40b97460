namespace Doppel.Jit.X64;

/// <summary>General registers, by their number in encodings.</summary>
internal enum Gpr : byte
{
    Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15,
}

/// <summary>Vector registers, by their number in encodings.</summary>
internal enum Xmm : byte
{
    X0, X1, X2, X3, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13, X14, X15,
}

/// <summary>Two-operand arithmetic, by the group-1 opcode extension.</summary>
internal enum Alu : byte
{
    Add, Or, Adc, Sbb, And, Sub, Xor, Cmp,
}

/// <summary>Shifts, by the group-2 opcode extension.</summary>
internal enum Shift : byte
{
    Rol = 0, Ror = 1, Shl = 4, Shr = 5, Sar = 7,
}

/// <summary>One-operand arithmetic on rdx:rax or in place, by the group-3 opcode extension.</summary>
internal enum Unary : byte
{
    Not = 2, Neg = 3, Mul = 4, Imul = 5, Div = 6, Idiv = 7,
}

/// <summary>Condition codes; the lowest bit negates.</summary>
internal enum Cond : byte
{
    O, No, B, Ae, E, Ne, Be, A, S, Ns, P, Np, L, Ge, Le, G,
}

/// <summary>A memory operand: base + index * 2^scale + displacement.</summary>
/// <param name="Base">Base register.</param>
/// <param name="Disp">Displacement in bytes.</param>
/// <param name="Index">Index register; <see cref="Gpr.Rsp"/> means none, as in the encoding.</param>
/// <param name="Scale">Binary logarithm of the factor, 0 to 3.</param>
internal readonly record struct Mem(Gpr Base, int Disp = 0, Gpr Index = Gpr.Rsp, byte Scale = 0);
