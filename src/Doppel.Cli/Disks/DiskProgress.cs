using Doppel.Cli.Output;
using Spectre.Console;

namespace Doppel.Cli.Disks;

/// <summary>Shows on standard error how far a copy is: a bar on a terminal, nothing elsewhere.</summary>
internal static class DiskProgress
{
    internal static void Show(string what, Action<IProgress<double>?> work)
    {
        if (Console.IsErrorRedirected) work(null);
        else ErrorConsole.Create().Progress().AutoClear(true).HideCompleted(false)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => work(new Bar(context.AddTask(Markup.Escape(what), maxValue: 1))));
    }

    private sealed class Bar(ProgressTask task) : IProgress<double>
    {
        public void Report(double value) => task.Value = value;
    }
}
