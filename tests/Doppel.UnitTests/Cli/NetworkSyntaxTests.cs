using System.CommandLine;
using Doppel.Cli.Commands;
using Doppel.Cli.Syntax;

namespace Doppel.UnitTests.Cli;

public sealed class NetworkSyntaxTests
{
    [Theory]
    [InlineData("user", NetworkKind.User, "10.0.2.15/24,10.0.2.2,10.0.2.3,fec0::15/64,fec0::2,")]
    [InlineData("tap", NetworkKind.Tap, "dhcp")]
    [InlineData("tap,ifname=tap0,address=10.1.0.2/24,gateway=10.1.0.1", NetworkKind.Tap, "10.1.0.2/24,10.1.0.1,,,,")]
    [InlineData("socket,path=/tmp/x", NetworkKind.Socket, "link-local")]
    [InlineData("socket,path=/tmp/x,address=10.5.0.1/24,address6=fd00:5::1/64", NetworkKind.Socket, "10.5.0.1/24,,,fd00:5::1/64,,")]
    [InlineData("user,dns=1.1.1.1", NetworkKind.User, "10.0.2.15/24,10.0.2.2,1.1.1.1,fec0::15/64,fec0::2,")]
    [InlineData("user,net=10.0.9.0/24", NetworkKind.User, "10.0.9.15/24,10.0.9.2,10.0.9.3,fec0::15/64,fec0::2,")]
    public void Network_WhatPeopleType_IsUnderstood(string text, NetworkKind kind, string guest)
    {
        NetworkChoice choice = NetworkSyntax.TryParse(text, out _)!;
        // The domains are those of the host.
        Assert.Equal((kind, guest), (choice.Config!.Kind, (choice.Guest with { Search = [] }).ToWord()));
    }

    [Theory]
    [InlineData("", "user, tap")]
    [InlineData("bridge", "user, tap")]
    [InlineData("tap,ifname", "ifname=VALUE")]
    [InlineData("tap,path=/x", "ifname")]
    [InlineData("user,queues=many", "queues=2")]
    [InlineData("user,restrict=maybe", "on or off")]
    [InlineData("user,mac=1,mac=2", "twice")]
    [InlineData("none,queues=1", "nothing to set")]
    [InlineData("user,host=no", "on or off")]
    [InlineData("tap,gateway=10.1.0.1", "address=10.5.0.1/24")]
    [InlineData("socket,path=/x,address=10.5.0.1", "address=10.5.0.1/24")]
    [InlineData("socket,path=/x,address=10/24", "address=10.5.0.1/24")]
    [InlineData("socket,path=/x,address=10.5.0.1/33", "address=10.5.0.1/24")]
    [InlineData("user,dns=nowhere", "dns=10.5.0.253")]
    [InlineData("user,address6=10.5.0.1/24", "address6=fd00:5::1/64")]
    public void Network_Nonsense_IsRefusedAndSaysWhatToType(string text, string says)
    {
        Assert.Null(NetworkSyntax.TryParse(text, out string problem));
        Assert.Contains(says, problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("20ms", 20)]
    [InlineData("20", 20)]
    [InlineData("500us", 0.5)]
    [InlineData("1.5s", 1500)]
    [InlineData("0", 0)]
    public void Delay_WhatPeopleType_IsUnderstood(string text, double ms)
    {
        Assert.True(NetworkQuantities.TryParseDelay(text, out TimeSpan delay));
        Assert.Equal(ms, delay.TotalMilliseconds);
    }

    [Theory]
    [InlineData("10M", 10_000_000)]
    [InlineData("512k", 512_000)]
    [InlineData("1.5Gbit", 1_500_000_000)]
    [InlineData("9600", 9600)]
    public void Rate_WhatPeopleType_IsUnderstood(string text, long bits)
    {
        Assert.True(NetworkQuantities.TryParseRate(text, out long rate));
        Assert.Equal(bits, rate);
    }

    [Theory]
    [InlineData("1%", 0.01)]
    [InlineData("0.5%", 0.005)]
    [InlineData("100", 1)]
    public void Part_WhatPeopleType_IsUnderstood(string text, double part)
    {
        Assert.True(NetworkQuantities.TryParsePart(text, out double parsed));
        Assert.Equal(part, parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("x")]
    [InlineData("NaN")]
    [InlineData("1e999")]
    public void Quantities_Nonsense_AreRefused(string text)
    {
        Assert.False(NetworkQuantities.TryParseDelay(text, out _));
        Assert.False(NetworkQuantities.TryParsePart(text, out _));
        Assert.False(NetworkQuantities.TryParseRate(text, out _));
    }

    [Theory]
    [InlineData("--network bridge", "no such network")]
    [InlineData("--network none --network user", "leave it out")]
    [InlineData("--net-delay soon", "--net-delay soon")]
    [InlineData("--net-loss 200%", "--net-loss 200%")]
    [InlineData("--net-rate fast", "--net-rate fast")]
    public void Options_Nonsense_AreNamed(string words, string says)
        => Assert.Contains(CommandTree.Create(null).Parse(["run", .. words.Split(' ')]).Errors, e => e.Message.Contains(says, StringComparison.Ordinal));

    [Theory]
    [InlineData("52:54:00:12:34", "--mac")]
    [InlineData("01:00:5e:00:00:01", "first byte")]
    public void Validate_AddressThatIsNone_SaysHowOneLooks(string mac, string says)
        => Assert.Contains(says, Problem(new NetworkConfig { Kind = NetworkKind.User, Mac = mac }), StringComparison.Ordinal);

    [Fact]
    public void Validate_Networks_NameWhatToType()
    {
        Assert.Contains("path=", Problem(new NetworkConfig { Kind = NetworkKind.Socket }), StringComparison.Ordinal);
        Assert.Contains("--publish", Problem(new NetworkConfig { Kind = NetworkKind.Tap, Publish = ["80:80"] }), StringComparison.Ordinal);
        Assert.Contains("8080:80", Problem(new NetworkConfig { Kind = NetworkKind.User, Publish = ["eighty"] }), StringComparison.Ordinal);
        Assert.Contains("deb.debian.org", Problem(new NetworkConfig { Kind = NetworkKind.User, Allow = ["not a host!"] }), StringComparison.Ordinal);
        Assert.Contains("--net-loss", Problem(new NetworkConfig { Kind = NetworkKind.User, Impairment = new() { Loss = 2 } }), StringComparison.Ordinal);
        Assert.Contains("--net-delay", Problem(new NetworkConfig { Kind = NetworkKind.User, Impairment = new() { Reorder = 0.1 } }), StringComparison.Ordinal);
        Assert.Contains("net=10.0.9.0/24", Problem(new NetworkConfig { Kind = NetworkKind.User, Subnet = "10.0.9.0" }), StringComparison.Ordinal);
        Assert.Contains("net=10.0.9.0/24", Problem(new NetworkConfig { Kind = NetworkKind.User, Subnet = "10.0.9.0/28" }), StringComparison.Ordinal);
        Assert.Contains("--allow", Problem(new NetworkConfig { Kind = NetworkKind.Tap, ReachesHost = false }), StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_ManyDevices_FitUntilTheSlotsAreFull()
    {
        NetworkConfig network = new() { Kind = NetworkKind.Tap };
        DiskConfig disk = new("disk");
        VirtualMachineConfig full = new() { KernelPath = "Image", Networks = [.. Enumerable.Repeat(network, 10)], Disks = [.. Enumerable.Repeat(disk, 21)] };
        Assert.Empty(VirtualMachineConfigValidator.Validate(full));
        Assert.Contains("room for 21", Assert.Single(VirtualMachineConfigValidator.Validate(full with { Disks = [.. Enumerable.Repeat(disk, 22)] })), StringComparison.Ordinal);
        Assert.Contains("at most 24", Assert.Single(VirtualMachineConfigValidator.Validate(full with { Networks = [.. Enumerable.Repeat(network, 25)] })), StringComparison.Ordinal);
    }

    private static string Problem(NetworkConfig network)
        => Assert.Single(VirtualMachineConfigValidator.Validate(new VirtualMachineConfig { KernelPath = "Image", Networks = [network] }));
}
