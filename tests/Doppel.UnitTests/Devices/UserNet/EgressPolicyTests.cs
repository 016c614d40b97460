using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Policy;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>What lies apart within the addresses that a user allows: the host's own services, and where clouds tell a host its credentials.</summary>
public sealed class EgressPolicyTests
{
    [Theory]
    [InlineData("10.0.0.0/8", "10.9.9.9", true)]
    [InlineData("10.0.0.0/8", "10.0.2.2", false)]
    [InlineData("0.0.0.0/0:80", "10.0.2.2", false)]
    [InlineData("10.0.2.0/24", "10.0.2.2", true)]
    [InlineData("10.0.2.2:80", "10.0.2.2", true)]
    [InlineData("10.0.2.2:443", "10.0.2.2", false)]
    [InlineData("0.0.0.0/0", "192.0.2.1", true)]
    [InlineData("0.0.0.0/0", "169.254.169.254", false)]
    [InlineData("169.254.169.254", "169.254.169.254", true)]
    [InlineData("0.0.0.0/0", "100.100.100.200", false)]
    [InlineData("0.0.0.0/0", "127.0.0.1", false)]
    [InlineData("127.0.0.1", "127.0.0.1", false)]
    [InlineData("::/0", "2001:db8::1", true)]
    [InlineData("::/0", "fec0::2", false)]
    [InlineData("[fec0::2]:80", "fec0::2", true)]
    [InlineData("::/0", "fe80::2", false)]
    [InlineData("fe80::2", "fe80::2", true)]
    [InlineData("::/0", "fd00:ec2::254", false)]
    [InlineData("fd00:ec2::254", "fd00:ec2::254", true)]
    [InlineData("::/0", "fd20:ce::254", false)]
    [InlineData("::/0", "::1", false)]
    [InlineData("::/0", "192.0.2.1", false)]
    [InlineData("0.0.0.0/0", "2001:db8::1", false)]
    public void Rule_Block_OpensWhatItMeansAndNoMore(string rule, string address, bool routed)
        => Assert.Equal(routed, TryRoute(Policy([rule]), address));

    [Theory]
    [InlineData("100.100.100.200")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fd20:ce::254")]
    public void NoRules_AddressOfACloudsCredentials_IsProhibited(string address) => Assert.False(TryRoute(Policy([]), address));

    [Theory]
    [InlineData("10.0.2.2", false)]
    [InlineData("fec0::2", false)]
    [InlineData("fe80::2", false)]
    [InlineData("192.0.2.1", true)]
    public void HostOff_NoRules_LeadsOutButNotToTheHost(string address, bool routed)
        => Assert.Equal(routed, TryRoute(Policy([], hostIsOpen: false), address));

    [Fact]
    public void HostOff_RuleThatNamesIt_OpensIt() => Assert.True(TryRoute(Policy(["10.0.2.2:80"], hostIsOpen: false), "10.0.2.2"));

    [Fact]
    public void NameOfTheHost_OpensIt()
    {
        EgressPolicy policy = Policy(["host.doppel.internal:80"]);
        policy.LearnOwn("host.doppel.internal", StackBench.Host);
        Assert.True(TryRoute(policy, "10.0.2.2"));
    }

    private static bool TryRoute(EgressPolicy policy, string address) => policy.TryRoute(new(StackBench.Ip(address), 80), 0, out _, out _);

    private static EgressPolicy Policy(string[] texts, bool hostIsOpen = true)
    {
        List<EgressRule> rules = [];
        foreach (string text in texts)
        {
            Assert.True(EgressRule.TryParse(text, out EgressRule? rule, out _));
            rules.Add(rule);
        }
        return new EgressPolicy(new UserNetworkOptions().ToPlan(), rules, restrict: false, hostIsOpen);
    }
}
