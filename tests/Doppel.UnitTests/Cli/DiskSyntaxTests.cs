using Doppel.Cli.Syntax;

namespace Doppel.UnitTests.Cli;

public sealed class DiskSyntaxTests
{
    [Theory]
    [InlineData("a.img", "a.img", false)]
    [InlineData("a.img,ro", "a.img", true)]
    [InlineData("a.img,rw", "a.img", false)]
    [InlineData("a.img,readonly=on", "a.img", true)]
    [InlineData("a,,b.img,ro", "a,b.img", true)]
    public void Disk_PathAndAccess_AreUnderstood(string text, string path, bool readOnly)
        => Assert.Equal(new DiskConfig(path, readOnly), DiskSyntax.TryParse(text, out _));

    [Fact]
    public void Disk_AllThatCanBeSet_IsUnderstood()
    {
        DiskConfig disk = DiskSyntax.TryParse(
            "a.img,format=raw,cache=directsync,discard=ignore,detect-zeroes=unmap,full=fail,serial=S1,queues=4,iops=1,iops-rd=2,iops-wr=3,bps=4K,bps-rd=5,bps-wr=1.5M,burst=2s", out _)!;
        Assert.Equal(
            new DiskConfig("a.img")
            {
                Format = "raw",
                Cache = DiskCache.DirectSync,
                Discard = DiskDiscard.Ignore,
                DetectZeroes = DiskZeroDetection.Unmap,
                WhenFull = DiskFull.Fail,
                Serial = "S1",
                Queues = 4,
                Limits = new DiskLimits
                {
                    Requests = 1,
                    Reads = 2,
                    Writes = 3,
                    Bytes = 4096,
                    ReadBytes = 5,
                    WrittenBytes = 1_572_864,
                    Burst = TimeSpan.FromSeconds(2),
                },
            },
            disk);
    }

    [Theory]
    [InlineData("", "name is missing")]
    [InlineData(",ro", "name is missing")]
    [InlineData("a,b.img", "typed twice")]
    [InlineData("a,cache", "writethrough")]
    [InlineData("a,cache=", "writethrough")]
    [InlineData("a,cache=some", "writethrough")]
    [InlineData("a,queues=17", "1 to 16")]
    [InlineData("a,queues=0", "1 to 16")]
    [InlineData("a,iops=0", "requests in a second")]
    [InlineData("a,bps=fast", "10M")]
    [InlineData("a,burst=-1", "2s")]
    [InlineData("a,ro,readonly=off", "twice")]
    [InlineData("a,aio=threads", "detect-zeroes")]
    [InlineData("a,full=stop", "wait or fail")]
    public void Disk_Nonsense_IsRefusedAndSaysWhatToType(string text, string says)
    {
        Assert.Null(DiskSyntax.TryParse(text, out string problem));
        Assert.Contains(says, problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("twenty-one-characters", 1, 0, "serial")]
    [InlineData("tab\t", 1, 0, "serial")]
    [InlineData("ok", 99, 0, "queues")]
    [InlineData("ok", 1, -5, "below zero")]
    public void Disk_ConfigurationOutOfRange_IsAProblem(string serial, int queues, long rate, string says)
    {
        VirtualMachineConfig config = new()
        {
            KernelPath = "kernel",
            Disks = [new DiskConfig("a.img") { Serial = serial, Queues = queues, Limits = new DiskLimits { Bytes = rate } }],
        };
        Assert.Contains(VirtualMachineConfigValidator.Validate(config), p => p.Contains(says, StringComparison.Ordinal));
    }
}
