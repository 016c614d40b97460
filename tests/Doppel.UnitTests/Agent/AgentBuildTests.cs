using Doppel.UnitTests.House;
using Doppel.UnitTests.Images;

namespace Doppel.UnitTests.Agent;

public sealed class AgentBuildTests
{
    [Fact]
    public void Agent_Rebuilt_IsTheOneThatIsCommitted()
    {
        using TemporaryFolder folder = new();
        Tool.Run("bash", Path.Combine(SourceFile.Root, "guest", "agent", "build"), folder["agent"]);
        string compiler = Tool.Run("riscv64-linux-gnu-gcc", "--version").Split('\n')[0];
        bool isSame = File.ReadAllBytes(AgentProgram.Path).AsSpan().SequenceEqual(File.ReadAllBytes(folder["agent"]));
        Assert.True(isSame, $"the agent in the images is not what its sources make with {compiler}; run ./dev guest-agent");
    }
}
