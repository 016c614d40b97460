using Doppel.Boards;
using Doppel.Boot.DeviceTrees;
using Doppel.UnitTests.Boot;

namespace Doppel.UnitTests.Machine;

public sealed class RiscVVirtDeviceTreeTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(512)]
    public void Tree_AnyNumberOfHarts_IsReadByDtcWithoutWarning(int cpus)
    {
        DeviceTree tree = RiscVVirtDeviceTree.Create(512UL << 20, cpus, new byte[32]);
        BootArguments.SetCommandLine(tree, "console=ttyS0");
        BootArguments.SetInitrd(tree, new(0x8800_0000, 0x1234));

        DtcResult result = Dtc.Decompile(DeviceTreeWriter.Write(tree));

        Assert.Equal("", result.Errors);
        Assert.Contains("linux,initrd-end = <0x00 0x88001234>", result.Source, StringComparison.Ordinal);
    }

    [Fact]
    public void Tree_DeviceAddresses_AreThoseOfTheFieldsVirtMachine()
    {
        string source = Dtc.Decompile(DeviceTreeWriter.Write(RiscVVirtDeviceTree.Create(512UL << 20, 1, new byte[32]))).Source;

        string[] nodes =
        [
            "memory@80000000", "test@100000", "rtc@101000", "clint@2000000", "plic@c000000", "serial@10000000",
            .. Enumerable.Range(1, 8).Select(i => $"virtio_mmio@1000{i}000"),
        ];
        Assert.All(nodes, node => Assert.Contains(node + " {", source, StringComparison.Ordinal));
    }

    [Fact]
    public void SetMemory_UsersTreeWithSmallCells_IsWrittenInThoseCells()
    {
        DeviceTree tree = DeviceTreeReader.Read(Dtc.Compile("/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; memory@0 { reg = <0 1>; }; };"));

        BootArguments.SetMemory(tree, new(0x8000_0000, 0x0400_0000));

        Assert.Contains("reg = <0x80000000 0x4000000>", Dtc.Decompile(DeviceTreeWriter.Write(tree)).Source, StringComparison.Ordinal);
        Assert.Null(tree.Find("/memory@0"));
    }

    [Fact]
    public void SetMemory_CellsTooSmallForTheSize_IsRefused()
    {
        DeviceTree tree = DeviceTreeReader.Read(Dtc.Compile("/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; };"));

        Assert.Throws<FormatException>(() => BootArguments.SetMemory(tree, new(0x8000_0000, 1UL << 33)));
    }
}
