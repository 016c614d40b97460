using Doppel.Boot;
using Doppel.Boot.Payloads;

namespace Doppel.UnitTests.Boot;

public sealed class BootPlannerTests
{
    private const ulong Ram = 0x8000_0000, Mega = 1 << 20;

    [Fact]
    public void LinuxImage_UnderFirmware_Stands2MiBIntoRam()
    {
        BootPlan plan = BootPlanner.Plan(Request(512, Image(32 * Mega)) with { InitrdBytes = 8 * Mega });

        Assert.Equal(Ram + (2 * Mega), plan.KernelEntry);
        Assert.Equal(Ram + (2 * Mega) + (128 * Mega), plan.Initrd.Start);
        Assert.Equal(0UL, plan.DeviceTree.Start % (2 * Mega));
    }

    [Fact]
    public void FlatBinary_WithoutFirmware_StandsAtTheStartOfRam()
    {
        BootPlan plan = BootPlanner.Plan(Request(64, Flat(4096)) with { IsBare = true });

        Assert.Equal(Ram, plan.KernelEntry);
    }

    [Fact]
    public void DeviceTree_InLargeRam_StaysBelow3GiB()
    {
        BootPlan plan = BootPlanner.Plan(Request(8192, Image(Mega)));

        Assert.InRange(plan.DeviceTree.End, Ram, 3UL << 30);
    }

    [Theory]
    [InlineData(32, 1, 1)]
    [InlineData(64, 32, 8)]
    [InlineData(48, 32, 4)]
    [InlineData(512, 32, 300)]
    [InlineData(4096, 64, 1000)]
    public void Everything_WhereItFits_LiesInRamAndApart(ulong memory, ulong kernel, ulong initrd)
    {
        BootPlan plan = BootPlanner.Plan(Request(memory, Image(kernel * Mega)) with { InitrdBytes = initrd * Mega });

        BootRange[] ranges = [new(Ram, 2 * Mega), new(plan.KernelBase, kernel * Mega), plan.Initrd, plan.DeviceTree];
        Assert.All(ranges, r => Assert.InRange(r.End, Ram, Ram + (memory * Mega)));
        Assert.All(ranges, a => Assert.Single(ranges, b => a.Start < b.End && b.Start < a.End));
    }

    [Fact]
    public void Kernel_LargerThanRam_SaysHowMuchWouldDo()
    {
        VirtualMachineException error = Assert.Throws<VirtualMachineException>(() => BootPlanner.Plan(Request(32, Image(40 * Mega))));

        Assert.Contains("--memory 42M", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Initrd_LargerThanRoom_SaysHowMuchWouldDoAndThatDoes()
    {
        BootRequest request = Request(64, Image(32 * Mega)) with { InitrdBytes = 100 * Mega };

        VirtualMachineException error = Assert.Throws<VirtualMachineException>(() => BootPlanner.Plan(request));

        ulong advised = ulong.Parse(error.Message[(error.Message.LastIndexOf(' ') + 1)..^1], System.Globalization.CultureInfo.InvariantCulture);
        Assert.NotEqual(0UL, BootPlanner.Plan(request with { Ram = new BootRange(Ram, advised * Mega) }).Initrd.Start);
    }

    [Fact]
    public void Elf_OutsideRam_SaysWhere()
    {
        Payload elf = new("prog.elf", PayloadKind.Elf, [new PayloadSegment(0x1000, new byte[16], 16)]);

        VirtualMachineException error = Assert.Throws<VirtualMachineException>(() => BootPlanner.Plan(Request(64, elf)));

        Assert.Contains("0x1000", error.Message, StringComparison.Ordinal);
        Assert.Contains("link it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Elf_OnTopOfFirmware_IsRefused()
    {
        Payload elf = new("prog.elf", PayloadKind.Elf, [new PayloadSegment(Ram, new byte[16], 16)]);

        VirtualMachineException error = Assert.Throws<VirtualMachineException>(() => BootPlanner.Plan(Request(64, elf) with { Firmware = Flat(4096) }));

        Assert.Contains("--bios none", error.Message, StringComparison.Ordinal);
    }

    private static BootRequest Request(ulong megabytes, Payload kernel) =>
        new(new BootRange(Ram, megabytes * Mega)) { Kernel = kernel, DeviceTreeBytes = 8192 };

    private static Payload Image(ulong size) =>
        new("Image", PayloadKind.LinuxImage, [new PayloadSegment(0, new byte[64], size)]) { TextOffset = 2 * Mega };

    private static Payload Flat(ulong size) => new("flat.bin", PayloadKind.Flat, [new PayloadSegment(0, new byte[64], size)]);
}
