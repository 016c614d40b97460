using System.Globalization;

namespace Doppel.RiscV.Verify;

/// <summary>The fields of the architectural state by name, for comparing and showing two of them.</summary>
internal static unsafe class StateFields
{
    private static readonly string[] s_x =
    [
        "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
        "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    ];

    private static readonly (string Name, int Offset, int Size)[] s_fields = Build();

    /// <summary>Number of fields.</summary>
    internal static int Count => s_fields.Length;

    internal static string NameOf(int field) => s_fields[field].Name;

    internal static ulong Read(in RiscVState state, int field)
    {
        (_, int offset, int size) = s_fields[field];
        // SAFETY: offsets and sizes are those of fields of the structure, which the fixed statement keeps in place.
        unsafe
        {
            fixed (RiscVState* s = &state)
            {
                byte* at = (byte*)s + offset;
                return size switch { 1 => *at, 4 => *(uint*)at, _ => *(ulong*)at };
            }
        }
    }

    /// <summary>Numbers of the fields in which two states differ.</summary>
    internal static List<int> Compare(in RiscVState a, in RiscVState b)
    {
        List<int> differences = [];
        for (int i = 0; i < s_fields.Length; i++)
        {
            if (Read(a, i) != Read(b, i)) differences.Add(i);
        }
        return differences;
    }

    /// <summary>True if no field differs.</summary>
    internal static bool AreEqual(in RiscVState a, in RiscVState b)
    {
        // SAFETY: the fixed statements keep both structures in place, and spans do not go beyond them; padding does not exist.
        unsafe
        {
            fixed (RiscVState* x = &a, y = &b) return new ReadOnlySpan<byte>(x, sizeof(RiscVState)).SequenceEqual(new ReadOnlySpan<byte>(y, sizeof(RiscVState)));
        }
    }

    private static (string Name, int Offset, int Size)[] Build()
    {
        RiscVState state = default;
        RiscVState* s = &state;
        List<(string, int, int)> fields = [];
        void Add(string name, void* field, int size = 8) => fields.Add((name, (int)((byte*)field - (byte*)s), size));
        Add("pc", &s->Pc);
        for (int i = 1; i < 32; i++) Add(s_x[i], s->X + i);
        for (int i = 0; i < 32; i++) Add(string.Create(CultureInfo.InvariantCulture, $"f{i}"), s->F + i);
        foreach ((string name, nint at) in new (string, nint)[]
        {
            ("fflags", (nint)(&s->Fflags)), ("frm", (nint)(&s->Frm)), ("privilege", (nint)(&s->Privilege)), ("waiting", (nint)(&s->Waiting)),
        })
        {
            Add(name, (void*)at, 4);
        }
        foreach ((string name, nint at) in new (string, nint)[]
        {
            ("mip", (nint)(&s->Mip)), ("mie", (nint)(&s->Mie)), ("mstatus", (nint)(&s->Mstatus)), ("misa", (nint)(&s->Misa)),
            ("medeleg", (nint)(&s->Medeleg)), ("mideleg", (nint)(&s->Mideleg)), ("mtvec", (nint)(&s->Mtvec)),
            ("mcounteren", (nint)(&s->Mcounteren)), ("mcountinhibit", (nint)(&s->Mcountinhibit)), ("mscratch", (nint)(&s->Mscratch)),
            ("mepc", (nint)(&s->Mepc)), ("mcause", (nint)(&s->Mcause)), ("mtval", (nint)(&s->Mtval)), ("menvcfg", (nint)(&s->Menvcfg)),
            ("stvec", (nint)(&s->Stvec)), ("scounteren", (nint)(&s->Scounteren)), ("sscratch", (nint)(&s->Sscratch)),
            ("sepc", (nint)(&s->Sepc)), ("scause", (nint)(&s->Scause)), ("stval", (nint)(&s->Stval)), ("senvcfg", (nint)(&s->Senvcfg)),
            ("satp", (nint)(&s->Satp)), ("stimecmp", (nint)(&s->Stimecmp)), ("mcycle offset", (nint)(&s->McycleOffset)),
            ("minstret offset", (nint)(&s->MinstretOffset)), ("reservation", (nint)(&s->ReservationAddress)),
            ("reserved value", (nint)(&s->ReservationValue)), ("mhartid", (nint)(&s->Mhartid)),
        })
        {
            Add(name, (void*)at);
        }
        for (int i = 0; i < 16; i++)
        {
            Add(string.Create(CultureInfo.InvariantCulture, $"pmpcfg{i}"), s->Pmpcfg + i, 1);
            Add(string.Create(CultureInfo.InvariantCulture, $"pmpaddr{i}"), s->Pmpaddr + i);
        }
        return [.. fields];
    }
}
