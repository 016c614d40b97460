namespace Doppel.SystemTests.Harness;

/// <summary>
/// A test that needs programs of other people. Where one is missing it is skipped with the package to install; in continuous
/// integration (<c>CI</c> is set) it runs, and fails by saying what is missing.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ToolFactAttribute : FactAttribute
{
    public ToolFactAttribute(params string[] tools)
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI"))) Skip = Tool.WhyMissing(tools);
    }
}

/// <summary>The same for a test with several rows.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ToolTheoryAttribute : TheoryAttribute
{
    public ToolTheoryAttribute(params string[] tools)
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI"))) Skip = Tool.WhyMissing(tools);
    }
}
