using Doppel.Images.Apt;
using Doppel.Images.Roots;

namespace Doppel.UnitTests.Images;

/// <summary>In which calls dpkg gets what apt has put in order.</summary>
public sealed class InstallPlanTests
{
    [Fact]
    public void Create_WithoutPreDependencies_UnpacksAllAtOnceAndConfiguresAtTheEnd()
    {
        InstallPlan plan = Plan(long.MaxValue, "+a", "-a", "+b", "-b", "+c", "-c");

        Assert.Equal(["Stage", "Unpack a b c", "Configure"], Words(plan));
    }

    [Fact]
    public void Create_WithAPreDependency_ConfiguresItBefore()
    {
        InstallPlan plan = Plan(long.MaxValue, "+a", "-a", "+b", "-b", "+c<b", "-c", "+d<c|x", "-d");

        Assert.Equal(["Stage", "Unpack a b", "Configure a b", "Unpack c", "Configure c", "Unpack d", "Configure"], Words(plan));
    }

    [Fact]
    public void Create_WithAPreDependencyThatIsInstalled_GoesOn() =>
        Assert.Equal(["Stage", "Unpack a b", "Configure"], Words(Plan(long.MaxValue, "+a<libc6", "+b<libc6", "-a", "-b")));

    [Fact]
    public void Create_ConfiguresBeforeOnlyWhatAptHasReady() =>
        // c waits for e, which is unpacked later.
        Assert.Equal(["Stage", "Unpack a c", "Configure a", "Unpack d e", "Configure"], Words(Plan(long.MaxValue, "+a", "-a", "+c", "+d<a", "+e", "-e", "-c", "-d")));

    [Fact]
    public void Create_WithMoreThanFitsAtOnce_MakesBatches()
    {
        InstallPlan plan = Plan(250, "+a", "+b", "+c", "+d", "+e");

        Assert.Equal(["Stage", "Unpack a b", "Stage", "Unpack c d", "Stage", "Unpack e", "Configure"], Words(plan));
        Assert.Equal(["a b", "c d", "e"], plan.Batches.Select(static b => string.Join(' ', b.Select(static p => p.Name))));
    }

    // "+name<needs" is to unpack, "-name" to configure; each package has 100 bytes.
    private static InstallPlan Plan(long batch, params string[] steps)
    {
        AptOperation[] operations = [.. steps.Select(static s => new AptOperation(s[0] == '+', s[1..].Split('<')[0], "1"))];
        AptPackage[] packages = [.. steps.Where(static s => s[0] == '+').Select(static s => new AptPackage(s[1..].Split('<')[0], "1", "", "", 1, 100)
        {
            PreDepends = s.Contains('<', StringComparison.Ordinal) ? s.Split('<')[1].Replace("|", " (>= 2:1) | ", StringComparison.Ordinal) : "",
        })];
        return InstallPlan.Create(new PackageChoice(operations, packages), ["libc6"], batch);
    }

    private static string[] Words(InstallPlan plan) => [.. plan.Actions.Select(static a => $"{a.Kind} {string.Join(' ', a.Packages)}".Trim())];
}
