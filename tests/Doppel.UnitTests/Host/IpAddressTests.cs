using System.Net;
using Doppel.Host;

namespace Doppel.UnitTests.Host;

/// <summary>Judged by the class library's addresses.</summary>
public sealed class IpAddressTests
{
    [Theory]
    [InlineData("0.0.0.0", true)]
    [InlineData("255.255.255.255", true)]
    [InlineData("10.0.2.15", true)]
    [InlineData("::", false)]
    [InlineData("::1", false)]
    [InlineData("ff02::1:ff00:1234", false)]
    [InlineData("fd00:ec2::254", false)]
    [InlineData("8000::8000:0:0:1", false)]
    public void Address_InAndOut_IsTheSame(string text, bool isV4)
    {
        IPAddress theirs = IPAddress.Parse(text);
        IpAddress ours = IpAddress.From(theirs);
        Assert.Equal(isV4, ours.IsV4);
        Assert.Equal(theirs, ours.ToIPAddress());
        byte[] bytes = new byte[ours.Length];
        ours.Write(bytes);
        Assert.Equal(theirs.GetAddressBytes(), bytes);
        Assert.Equal(ours, IpAddress.Read(bytes));
        Assert.Equal(theirs.IsIPv6Multicast, ours.IsMulticast6);
        Assert.Equal(theirs.Equals(IPAddress.IPv6Any), ours.IsUnspecified6);
    }

    [Fact]
    public void IsWithin_AnyPrefix_IsWhatTheClassLibrarySays()
    {
        Random random = new(1);
        byte[] address = new byte[16], block = new byte[16];
        for (int round = 0; round < 50; round++)
        {
            foreach (int length in (int[])[4, 16])
            {
                random.NextBytes(block);
                for (int flipped = 0; flipped < length * 8; flipped++)
                {
                    block.CopyTo(address, 0);
                    address[flipped / 8] ^= (byte)(0x80 >> (flipped % 8));
                    int prefix = random.Next((length * 8) + 1);
                    IPAddress theirs = new(address.AsSpan(0, length));
                    IPNetwork network = new(Masked(block.AsSpan(0, length), prefix), prefix);
                    Assert.Equal(network.Contains(theirs), IpAddress.From(theirs).IsWithin(IpAddress.Read(block.AsSpan(0, length)), prefix));
                }
            }
        }
    }

    [Fact]
    public void IsWithin_TheOtherFamily_IsFalse()
    {
        Assert.False(IpAddress.FromV4(0).IsWithin(default, 0));
        Assert.False(default(IpAddress).IsWithin(IpAddress.FromV4(0), 0));
    }

    private static IPAddress Masked(ReadOnlySpan<byte> block, int prefix)
    {
        byte[] masked = block.ToArray();
        for (int bit = prefix; bit < masked.Length * 8; bit++) masked[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        return new IPAddress(masked);
    }
}
