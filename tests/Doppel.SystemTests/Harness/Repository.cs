namespace Doppel.SystemTests.Harness;

/// <summary>Where things are.</summary>
internal static class Repository
{
    internal static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    /// <summary>Cache of guest images that all system tests share.</summary>
    internal static string ImageCache { get; } = Path.Combine(Root, "artifacts", "test-cache");

    private static string FindRoot(string folder)
        => File.Exists(Path.Combine(folder, "Doppel.slnx")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);
}
