using System.Text;
using Doppel.Images.Linux;

namespace Doppel.UnitTests.Images;

public sealed class BusyBoxTests
{
    private static readonly string[] s_names = ["[", "[[", .. Enumerable.Range(100, 80).Select(i => $"tool-{i}")];

    [Fact]
    public void Applets_OfATableAmongOtherStrings_AreFound() =>
        Assert.Equal(s_names, BusyBox.Applets(Program("\u0001\u0002[\0[[\0no\0table\0 [", string.Join('\0', s_names) + "\0\0zzz\0")));

    [Fact]
    public void Applets_WhereStringsAreNoLongerSorted_EndThere() =>
        Assert.Equal(s_names, BusyBox.Applets(Program("", string.Join('\0', s_names) + "\0another\0")));

    [Fact]
    public void Applets_OfAProgramWithoutATable_IsRefused() =>
        Assert.Throws<InvalidDataException>(() => BusyBox.Applets(Program("[\0[[\0", "ash\0awk\0")));

    private static byte[] Program(string before, string table) => Encoding.Latin1.GetBytes(before + table);
}
