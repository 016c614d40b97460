using Doppel.Cli.Output;
using Doppel.Images;
using Spectre.Console;

namespace Doppel.Cli.Pulling;

/// <summary>Shows a pull on standard error: a progress bar on a terminal, one line for each step elsewhere.</summary>
internal static class PullDisplay
{
    private const int LongestDetail = 40;

    /// <summary>The image, pulled if it is not there; nothing is shown if it is.</summary>
    internal static async Task<Image> GetAsync(ImageStore store, string name, CancellationToken cancellation)
        => store.Find(name) ?? await ShowAsync(progress => store.GetAsync(name, progress, cancellation));

    internal static Task<Image> ShowAsync(Func<IProgress<ImageProgress>, Task<Image>> pull)
        => Console.IsErrorRedirected ? pull(new StepLines()) : ShowBarAsync(pull);

    private static Task<Image> ShowBarAsync(Func<IProgress<ImageProgress>, Task<Image>> pull)
        => ErrorConsole.Create().Progress().AutoClear(true).HideCompleted(false)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new SpinnerColumn())
            .StartAsync(context => pull(new StepBars(context)));

    private static string Describe(ImageStep step) => step switch
    {
        ImageStep.Waiting => "waiting for another pull",
        ImageStep.Index => "reading the package index",
        ImageStep.Download => "downloading",
        ImageStep.Unpack => "unpacking",
        ImageStep.Assemble => "assembling",
        ImageStep.Boot => "booting the builder",
        ImageStep.Write => "writing the disk",
        ImageStep.Install => "installing",
        ImageStep.Run => "running",
        ImageStep.Store => "storing the disk",
        _ => "done",
    };

    private sealed class StepLines : IProgress<ImageProgress>
    {
        private readonly Lock _gate = new();
        private ImageStep? _last;

        public void Report(ImageProgress value)
        {
            lock (_gate)
            {
                if (_last == value.Step) return;
                _last = value.Step;
            }
            Console.Error.WriteLine($"doppel: {Describe(value.Step)}{(value.Detail.Length > 0 ? ": " + value.Detail : "")}");
        }
    }

    private sealed class StepBars(ProgressContext context) : IProgress<ImageProgress>
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<ImageStep, ProgressTask> _tasks = [];

        public void Report(ImageProgress value)
        {
            lock (_gate)
            {
                if (value.Step == ImageStep.Done) return;
                if (!_tasks.TryGetValue(value.Step, out ProgressTask? task))
                {
                    foreach (ProgressTask earlier in _tasks.Values) earlier.Value = earlier.MaxValue;
                    task = _tasks[value.Step] = context.AddTask(Markup.Escape(Describe(value.Step)), maxValue: 1);
                }
                // A line of the guest's may be long, and hold what moves the cursor.
                string detail = new([.. value.Detail.Where(static c => !char.IsControl(c)).Take(LongestDetail)]);
                task.Description = Markup.Escape($"{Describe(value.Step)} {detail}");
                task.IsIndeterminate = value.Fraction is null;
                task.Value = value.Fraction ?? 0;
            }
        }
    }
}
