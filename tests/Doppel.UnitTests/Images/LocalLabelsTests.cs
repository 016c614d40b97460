using System.Text.RegularExpressions;
using Doppel.Images.Linux;

namespace Doppel.UnitTests.Images;

/// <summary>binutils is the oracle: <c>objcopy --discard-locals</c> does the same, <c>readelf</c> and <c>ld</c> read the result.</summary>
public sealed class LocalLabelsTests
{
    private static readonly byte[] s_module = KernelModules.Assemble("sample", "");

    [Fact]
    public void Symbols_AfterDiscarding_AreThoseObjcopyLeaves() =>
        Assert.Equal(Symbols(KernelModules.DiscardLocals(s_module)), Symbols(LocalLabels.Discard(s_module)));

    [Fact]
    public void Symbols_BeforeDiscarding_AreMore() =>
        Assert.Contains(".Lunused", KernelModules.Readelf(s_module, "-sW"), StringComparison.Ordinal);

    [Fact]
    public void Relocations_AfterDiscarding_NameTheSameSymbols() =>
        Assert.Equal(Relocations(s_module), Relocations(LocalLabels.Discard(s_module)));

    [Theory]
    [InlineData(".text")]
    [InlineData(".rodata")]
    [InlineData(".data")]
    [InlineData(".modinfo")]
    public void Section_AfterDiscarding_HasTheSameBytes(string section) =>
        Assert.Equal(KernelModules.Readelf(s_module, "-x", section), KernelModules.Readelf(LocalLabels.Discard(s_module), "-x", section));

    [Fact]
    public void LinkedCode_OfTheResult_IsTheSame() =>
        Assert.Equal(Link(s_module), Link(LocalLabels.Discard(s_module)));

    [Fact]
    public void Discard_Twice_ChangesNothingMore()
    {
        byte[] once = LocalLabels.Discard(s_module);

        Assert.Equal(once, LocalLabels.Discard(once));
    }

    [Fact]
    public void Discard_OfATruncatedFile_IsRefusedOrLeavesAModule() =>
        Assert.All(Enumerable.Range(0, s_module.Length), length =>
            Assert.ThrowsAny<InvalidDataException>(() => LocalLabels.Discard(s_module[..length])));

    [Fact]
    public void Discard_OfDamagedFiles_NeverFailsInAnotherWay()
    {
        var random = new Random(7);
        var others = new List<Exception>();
        for (int i = 0; i < 5_000; i++)
        {
            byte[] damaged = [.. s_module];
            for (int flips = random.Next(1, 6); flips > 0; flips--) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            if (Record.Exception(() => LocalLabels.Discard(damaged)) is { } error and not InvalidDataException) others.Add(error);
        }

        Assert.Empty(others);
    }

    private static string[] Symbols(byte[] module) =>
        [.. KernelModules.Lines(KernelModules.Readelf(module, "-sW")).Split('\n').Skip(2)
            .Select(line => Regex.Replace(line, @"^\d+: ", "")).Order(StringComparer.Ordinal)];

    /// <summary>Without the number of the symbol and of the table's place in the file, which do change.</summary>
    private static string Relocations(byte[] module) =>
        Regex.Replace(Regex.Replace(KernelModules.Readelf(module, "-rW"), @"at offset 0x\w+", ""), @"^(\w{16})  \w{8}", "$1  ", RegexOptions.Multiline);

    private static byte[] Link(byte[] module)
    {
        using var folder = new TemporaryFolder();
        _ = Tool.Run("riscv64-linux-gnu-ld", "-e", "init_module", "--defsym=printk=0x10000", "-Ttext=0x20000", "-o", folder["linked"],
            folder.Write("module.o", module));
        _ = Tool.Run("riscv64-linux-gnu-objcopy", "-O", "binary", folder["linked"], folder["flat"]);
        return File.ReadAllBytes(folder["flat"]);
    }
}
