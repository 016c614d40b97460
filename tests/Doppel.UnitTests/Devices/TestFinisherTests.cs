using Doppel.Core.Execution;
using Doppel.Devices.Power;

namespace Doppel.UnitTests.Devices;

public sealed class TestFinisherTests
{
    private readonly List<PowerRequest> _requests = [];
    private readonly TestFinisher _finisher;

    public TestFinisherTests() => _finisher = new TestFinisher(_requests.Add);

    [Theory]
    [InlineData(0x5555u, PowerAction.PowerOff, 0)]
    [InlineData(0x2A_3333u, PowerAction.PowerOff, 42)]
    [InlineData(0x7777u, PowerAction.Reboot, 0)]
    public void Write_KnownValue_RequestsIt(uint value, PowerAction action, int status)
    {
        _finisher.Write32(0, value);
        Assert.Equal([new PowerRequest(action, status)], _requests);
    }

    [Theory]
    [InlineData(0, 0x1234u)]
    [InlineData(4, 0x5555u)]
    public void Write_AnythingElse_IsIgnored(ulong offset, uint value)
    {
        _finisher.Write32(offset, value);
        Assert.Empty(_requests);
        Assert.Equal(0u, _finisher.Read32(offset));
    }
}
