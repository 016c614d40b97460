namespace Doppel.UnitTests.House;

public sealed class ArrowTests
{
    [Fact]
    public void ProjectReferences_InThisRepository_GoDownOnly()
        => Assert.Equal("", string.Join('\n', ArrowRules.ForbiddenReferences(SourceFile.All().Where(static f => f.Project.Length > 0 && f.Path.EndsWith(".csproj", StringComparison.Ordinal)))));

    [Fact]
    public void Usings_InThisRepository_GoDownOnly() => Assert.Equal("", string.Join('\n', ArrowRules.ForbiddenUsings(SourceFile.Library())));

    [Fact]
    public void Folders_InThisRepository_HaveNoCircles() => Assert.Equal("", string.Join('\n', ArrowRules.Circles(SourceFile.Library())));

    [Fact]
    public void Projects_InThisRepository_AreAllInTheTable()
        => Assert.Equal(
            SourceFile.All().Where(static f => f.Path.EndsWith(".csproj", StringComparison.Ordinal)).Select(static f => f.Project).Where(static p => p.Length > 0).Order(StringComparer.Ordinal),
            ArrowRules.Allowed.Keys.Order(StringComparer.Ordinal));

    [Fact]
    public void ForbiddenReferences_UpwardReference_IsNamed()
        => Assert.Equal(
            ["src/Doppel.Core/Doppel.Core.csproj: Doppel.Core must not refer to Doppel.Devices"],
            ArrowRules.ForbiddenReferences([new("src/Doppel.Core/Doppel.Core.csproj", "<ProjectReference Include=\"../Doppel.Devices/Doppel.Devices.csproj\" />")]));

    [Theory]
    [InlineData("src/Doppel.Devices/A.cs", "using Doppel.RiscV.Csr;")]
    [InlineData("src/Doppel.Jit/A.cs", "using Doppel.Core.Memory;")]
    [InlineData("src/Doppel.Core/A.cs", "using static Doppel.Devices.Serial.Uart;")]
    [InlineData("src/Doppel.RiscV/A.cs", "using Machine = Doppel.Boards.RiscVVirt;")]
    [InlineData("src/Doppel.Cli/A.cs", "using Doppel.Devices.Virtio;")]
    public void ForbiddenUsings_UpwardOrSideways_AreNamed(string path, string text)
        => Assert.Single(ArrowRules.ForbiddenUsings([new(path, text)]));

    [Fact]
    public void ForbiddenUsings_DownwardAndOwnAndSystem_AreFine()
        => Assert.Empty(ArrowRules.ForbiddenUsings([new("src/Doppel.Devices/A.cs", "using System;\nusing Doppel.Core.Bus;\nusing Doppel.Devices.Serial;\n")]));

    [Fact]
    public void Circles_ThreeFoldersInARing_AreNamed()
        => Assert.Contains(
            "Doppel.Jit.A -> Doppel.Jit.B -> Doppel.Jit.C -> Doppel.Jit.A",
            ArrowRules.Circles([
                new("src/Doppel.Jit/A/X.cs", "using Doppel.Jit.B;\nnamespace Doppel.Jit.A;\n"),
                new("src/Doppel.Jit/B/Y.cs", "using Doppel.Jit.C;\nnamespace Doppel.Jit.B;\n"),
                new("src/Doppel.Jit/C/Z.cs", "using Doppel.Jit.A;\nnamespace Doppel.Jit.C;\n")]));

    [Fact]
    public void Circles_TwoArrowsToOneFolder_AreFine()
        => Assert.Empty(ArrowRules.Circles([
            new("src/Doppel.Jit/A/X.cs", "using Doppel.Jit.C;\nnamespace Doppel.Jit.A;\n"),
            new("src/Doppel.Jit/B/Y.cs", "using Doppel.Jit.C;\nnamespace Doppel.Jit.B;\n")]));
}
