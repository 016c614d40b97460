using System.Buffers.Binary;
using System.Text;
using Doppel.Boot.DeviceTrees;

namespace Doppel.UnitTests.Boot;

public sealed class DeviceTreeTests
{
    [Fact]
    public void Writer_TreeWithEveryKindOfProperty_IsReadByDtcWithoutWarning()
    {
        DtcResult result = Dtc.Decompile(DeviceTreeWriter.Write(Sample()));

        Assert.Equal("", result.Errors);
        Assert.Contains(@"compatible = ""doppel,test\0doppel""", result.Source, StringComparison.Ordinal);
        Assert.Contains("reg = <0x00 0x80000000 0x00 0x8000000>", result.Source, StringComparison.Ordinal);
        Assert.Contains("/memreserve/\t0x0000000080000000 0x0000000000001000;", result.Source, StringComparison.Ordinal);
        Assert.Contains("dma-coherent;", result.Source, StringComparison.Ordinal);
    }

    [Fact]
    public void Writer_NameUsedTwice_IsStoredOnce()
    {
        byte[] blob = DeviceTreeWriter.Write(Sample());

        Assert.Equal(1, Occurrences(blob, "compatible\0"u8));
    }

    [Fact]
    public void Reader_WhatTheWriterWrote_ComesBackByteForByte()
    {
        byte[] blob = DeviceTreeWriter.Write(Sample());

        Assert.Equal(blob, DeviceTreeWriter.Write(DeviceTreeReader.Read(blob)));
    }

    [Fact]
    public void Reader_TreeCompiledByDtc_ComesBackAsTheSameSource()
    {
        const string source = """
            /dts-v1/;
            /memreserve/ 0x80000000 0x10000;
            / {
                #address-cells = <2>; #size-cells = <2>; compatible = "a", "b";
                chosen { bootargs = "quiet"; };
                n: bus@1000 { reg = <0 0x1000 0 0x10>; odd = [01 02 03]; };
                user { link = <&n>; };
            };
            """;
        byte[] blob = Dtc.Compile(source);

        DeviceTree tree = DeviceTreeReader.Read(blob);

        Assert.Equal(Dtc.Decompile(blob).Source, Dtc.Decompile(DeviceTreeWriter.Write(tree)).Source);
        Assert.Equal((0x80000000UL, 0x10000UL), Assert.Single(tree.Reservations));
        Assert.Equal("quiet\0"u8.ToArray(), tree.Find("/chosen")!.Get("bootargs")!.Value.ToArray());
    }

    [Theory]
    [InlineData(0, 0xD00DFEECu, "magic")]
    [InlineData(1, 0x7FFFFFFFu, "header says")]
    [InlineData(2, 0xFFFFFFFCu, "structure block")]
    [InlineData(2, 0x00000041u, "aligned")]
    [InlineData(3, 0xFFFFFFFFu, "strings block")]
    [InlineData(4, 0xFFFFFFF0u, "reservation")]
    [InlineData(5, 15u, "version")]
    [InlineData(6, 18u, "version")]
    [InlineData(8, 0xFFFFFFFFu, "strings block")]
    [InlineData(9, 0xFFFFFFFFu, "structure block")]
    public void Reader_HeaderFieldOutOfRange_SaysWhich(int field, uint value, string message)
    {
        byte[] blob = DeviceTreeWriter.Write(Sample());
        BinaryPrimitives.WriteUInt32BigEndian(blob.AsSpan(field * 4), value);

        FormatException error = Assert.Throws<FormatException>(() => DeviceTreeReader.Read(blob));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reader_NodesNestedTooDeep_IsRefused()
    {
        DeviceTree tree = new();
        DeviceTreeNode node = tree.Root;
        for (int i = 0; i < 100; i++) node = node.Add("n");

        FormatException error = Assert.Throws<FormatException>(() => DeviceTreeReader.Read(DeviceTreeWriter.Write(tree)));

        Assert.Contains("deeper", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reader_TruncatedAnywhere_IsRefused()
    {
        byte[] blob = DeviceTreeWriter.Write(Sample());

        Assert.All(Enumerable.Range(0, blob.Length), n => Assert.Throws<FormatException>(() => DeviceTreeReader.Read(blob.AsMemory(0, n))));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Reader_BytesChangedAtRandom_GivesATreeOrAFormatError(int seed)
    {
        byte[] blob = DeviceTreeWriter.Write(Sample());

        int outcomes = Fuzz.Mutate(blob, seed, 20_000, static bytes => DeviceTreeWriter.Write(DeviceTreeReader.Read(bytes)));

        Assert.Equal(20_000, outcomes);
    }

    private static DeviceTree Sample()
    {
        DeviceTree tree = new();
        tree.Reservations.Add((0x80000000, 0x1000));
        tree.Root.SetCells("#address-cells", 2).SetCells("#size-cells", 2).SetStrings("compatible", "doppel,test", "doppel").SetStrings("model", "test");
        tree.Root.Add("memory@80000000").SetStrings("device_type", "memory").SetQuads("reg", 0x80000000, 0x8000000);
        DeviceTreeNode soc = tree.Root.Add("soc").SetCells("#address-cells", 2).SetCells("#size-cells", 2)
            .SetStrings("compatible", "simple-bus").SetFlag("ranges");
        soc.Add("device@1000").SetStrings("compatible", "doppel,device").SetQuads("reg", 0x1000, 0x100).SetFlag("dma-coherent");
        return tree;
    }

    private static int Occurrences(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> text)
    {
        int count = 0;
        for (int at = bytes.IndexOf(text); at >= 0; at = bytes.IndexOf(text))
        {
            count++;
            bytes = bytes[(at + 1)..];
        }
        return count;
    }
}
