using System.Text;
using Doppel.Images;

namespace Doppel.UnitTests.Images;

/// <summary>A recipe that makes an image of two strings and counts how often; a gate can hold it in the middle.</summary>
internal sealed class FakeRecipe : IImageRecipe
{
    private int _builds;
    private int _running;

    public string Name { get; init; } = "fake";

    public string Kernel { get; set; } = "kernel 1";

    public string Initrd { get; set; } = "initrd 1";

    public Task Gate { get; set; } = Task.CompletedTask;

    public Exception? Failure { get; set; }

    public TaskCompletionSource Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Builds => _builds;

    public bool Overlapped { get; private set; }

    public bool FoundLeftovers { get; private set; }

    public async Task<ImageContent?> BuildAsync(
        string workFolder, ImageManifest? current, IProgress<ImageProgress> progress, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _builds);
        Overlapped |= Interlocked.Increment(ref _running) > 1;
        try
        {
            string leftover = Path.Combine(workFolder, "download");
            FoundLeftovers = File.Exists(leftover);
            await File.WriteAllTextAsync(leftover, "half", cancellation);
            progress.Report(new ImageProgress(ImageStep.Download, "half", 1, 2));
            Started.TrySetResult();
            await Gate.WaitAsync(cancellation);
            if (Failure is not null) throw Failure;
            ImagePackage[] packages = [new("linux", Kernel, new string('a', 64), 1)];
            return current is not null && current.Packages.SequenceEqual(packages)
                ? null
                : new ImageContent("a fake", "riscv64", Encoding.UTF8.GetBytes(Kernel), Encoding.UTF8.GetBytes(Initrd), "quiet", packages);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }
}

/// <summary>Collects progress on the caller's thread.</summary>
internal sealed class ProgressLog : IProgress<ImageProgress>
{
    private readonly Lock _lock = new();
    private readonly List<ImageProgress> _entries = [];

    public IReadOnlyList<ImageProgress> Entries
    {
        get
        {
            lock (_lock) return [.. _entries];
        }
    }

    public TaskCompletionSource Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when a part of a download has arrived.</summary>
    public TaskCompletionSource Arrived { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Report(ImageProgress value)
    {
        lock (_lock) _entries.Add(value);
        if (value is { Step: ImageStep.Download, Completed: > 0 }) Arrived.TrySetResult();
        if (value.Step == ImageStep.Waiting) Waiting.TrySetResult();
    }
}
