namespace Doppel.UnitTests.House;

public sealed class CodeRuleTests
{
    private static IEnumerable<SourceFile> Projects => SourceFile.All().Where(static f => f.Project.Length > 0 && f.Path.EndsWith(".csproj", StringComparison.Ordinal));

    // What other people read; this folder holds the bad examples.
    private static IEnumerable<SourceFile> Everything => SourceFile.All().Where(static f => !f.Path.Contains("/House/", StringComparison.Ordinal));

    [Fact]
    public void UnsafeBlocks_InThisRepository_HaveASafetyLine() => Assert.Equal("", string.Join('\n', SourceFile.Library().SelectMany(CodeRules.UnsafeWithoutReason)));

    [Theory]
    [InlineData("unsafe { *p = 0; }")]
    [InlineData("// fast\nunsafe\n{\n}")]
    [InlineData("// SAFETY: p is valid\nint i = 0;\nunsafe { i = *p; }")]
    public void UnsafeWithoutReason_BlockWithNoReason_IsNamed(string text) => Assert.Single(CodeRules.UnsafeWithoutReason(new("src/Doppel.Host/A.cs", text)));

    [Theory]
    [InlineData("// SAFETY: p is valid\nunsafe { *p = 0; }")]
    [InlineData("// SAFETY: p is valid\n// for the whole call\nunsafe\n{\n}")]
    [InlineData("string s = \"unsafe {\";")]
    public void UnsafeWithoutReason_BlockWithReason_IsFine(string text) => Assert.Empty(CodeRules.UnsafeWithoutReason(new("src/Doppel.Host/A.cs", text)));

    [Fact]
    public void UnsafeCode_InCore_IsInMemoryOnly() => Assert.Equal("", string.Join('\n', SourceFile.Library().SelectMany(CodeRules.UnsafeOutsideMemory)));

    [Fact]
    public void UnsafeOutsideMemory_InTheBus_IsNamed()
        => Assert.Single(CodeRules.UnsafeOutsideMemory(new("src/Doppel.Core/Bus/A.cs", "unsafe class A { }")));

    [Fact]
    public void AllowUnsafeBlocks_InThisRepository_IsOnWhereAllowed() => Assert.Equal("", string.Join('\n', Projects.SelectMany(CodeRules.UnsafeProject)));

    [Fact]
    public void UnsafeProject_Devices_IsNamed()
        => Assert.Single(CodeRules.UnsafeProject(new("src/Doppel.Devices/Doppel.Devices.csproj", "<AllowUnsafeBlocks>true</AllowUnsafeBlocks>")));

    [Fact]
    public void PackageReferences_InLibraries_DoNotExist() => Assert.Equal("", string.Join('\n', Projects.SelectMany(CodeRules.Packages)));

    [Fact]
    public void Packages_LibraryWithAPackage_IsNamed()
        => Assert.Single(CodeRules.Packages(new("src/Doppel/Doppel.csproj", "<PackageReference Include=\"Spectre.Console\" />")));

    [Fact]
    public void HostClock_InThisRepository_IsReadInCoreTimeOnly() => Assert.Equal("", string.Join('\n', SourceFile.Library().SelectMany(CodeRules.HostClock)));

    [Theory]
    [InlineData("long t = Stopwatch.GetTimestamp();")]
    [InlineData("var now = DateTime.UtcNow;")]
    [InlineData("long t = Environment.TickCount64;")]
    public void HostClock_ReadInADevice_IsNamed(string text) => Assert.Single(CodeRules.HostClock(new("src/Doppel.Devices/A.cs", text)));

    [Fact]
    public void SourceFiles_InThisRepository_AreShort() => Assert.Equal("", string.Join('\n', SourceFile.All().Where(static f => f.IsCSharp).SelectMany(CodeRules.TooLong)));

    [Fact]
    public void TooLong_SixHundredAndOneLines_IsNamed()
        => Assert.Single(CodeRules.TooLong(new("src/Doppel/A.cs", string.Concat(Enumerable.Repeat("\n", 601)))));

    [Fact]
    public void TooLong_Table_MayBeLong()
        => Assert.Empty(CodeRules.TooLong(new("src/Doppel/OpcodeTable.cs", string.Concat(Enumerable.Repeat("\n", 601)))));

    [Fact]
    public void Paths_InThisRepository_BelongToNobodysMachine() => Assert.Equal("", string.Join('\n', Everything.SelectMany(CodeRules.PrivatePaths)));

    [Theory]
    [InlineData("cd /home/me/doppel")]
    [InlineData("\"/root/x\"")]
    [InlineData("C:\\Users")]
    public void PrivatePaths_AbsolutePathOfAMachine_IsNamed(string text) => Assert.Single(CodeRules.PrivatePaths(new("README.md", text)));

    [Fact]
    public void Urls_InThisRepository_LeadToPublicDocumentation() => Assert.Equal("", string.Join('\n', Everything.SelectMany(CodeRules.UnknownHosts)));

    [Fact]
    public void UnknownHosts_PackageMirror_IsNamed()
        => Assert.Single(CodeRules.UnknownHosts(new("NuGet.md", "see https://packages.example.org/v3/index.json")));

    [Fact]
    public void PackageSources_InThisRepository_AreTheUsersOwn()
        => Assert.DoesNotContain(Directory.EnumerateFiles(SourceFile.Root).Select(Path.GetFileName), static f => f!.Equals("nuget.config", StringComparison.OrdinalIgnoreCase));
}
