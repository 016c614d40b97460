using System.Globalization;

namespace Doppel.IsaTests.Harts;

/// <summary>Addresses of CSRs (privileged manual, 2.2).</summary>
internal static class CsrNames
{
    private static readonly Dictionary<string, int> s_numbers = Build();

    /// <summary>The number of a CSR, from its name or its number.</summary>
    internal static int Find(string word)
    {
        if (s_numbers.TryGetValue(word, out int number)) return number;
        return word.StartsWith("0x", StringComparison.Ordinal)
            ? int.Parse(word.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            : throw new FormatException($"{word} is no CSR");
    }

    /// <summary>True if a CSR of this number is in the table.</summary>
    internal static bool IsKnown(int number) => s_numbers.ContainsValue(number);

    private static Dictionary<string, int> Build()
    {
        Dictionary<string, int> numbers = new(StringComparer.Ordinal)
        {
            ["fflags"] = 0x001,
            ["frm"] = 0x002,
            ["fcsr"] = 0x003,
            ["cycle"] = 0xC00,
            ["time"] = 0xC01,
            ["instret"] = 0xC02,
            ["sstatus"] = 0x100,
            ["sie"] = 0x104,
            ["stvec"] = 0x105,
            ["scounteren"] = 0x106,
            ["senvcfg"] = 0x10A,
            ["sscratch"] = 0x140,
            ["sepc"] = 0x141,
            ["scause"] = 0x142,
            ["stval"] = 0x143,
            ["sip"] = 0x144,
            ["stimecmp"] = 0x14D,
            ["satp"] = 0x180,
            ["mvendorid"] = 0xF11,
            ["marchid"] = 0xF12,
            ["mimpid"] = 0xF13,
            ["mhartid"] = 0xF14,
            ["mconfigptr"] = 0xF15,
            ["mstatus"] = 0x300,
            ["misa"] = 0x301,
            ["medeleg"] = 0x302,
            ["mideleg"] = 0x303,
            ["mie"] = 0x304,
            ["mtvec"] = 0x305,
            ["mcounteren"] = 0x306,
            ["menvcfg"] = 0x30A,
            ["mcountinhibit"] = 0x320,
            ["mscratch"] = 0x340,
            ["mepc"] = 0x341,
            ["mcause"] = 0x342,
            ["mtval"] = 0x343,
            ["mip"] = 0x344,
            ["mcycle"] = 0xB00,
            ["minstret"] = 0xB02,
            ["pmpcfg0"] = 0x3A0,
            ["pmpcfg2"] = 0x3A2,
        };
        for (int i = 0; i < 16; i++) numbers[$"pmpaddr{i}"] = 0x3B0 + i;
        for (int i = 3; i < 32; i++)
        {
            numbers[$"hpmcounter{i}"] = 0xC00 + i;
            numbers[$"mhpmcounter{i}"] = 0xB00 + i;
            numbers[$"mhpmevent{i}"] = 0x320 + i;
        }
        return numbers;
    }
}
