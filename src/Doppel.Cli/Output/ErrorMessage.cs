using Doppel.Images;

namespace Doppel.Cli.Output;

/// <summary>What the user sees of an exception.</summary>
/// <param name="Text">What failed, which resource, and why.</param>
/// <param name="Hint">What to type, or null.</param>
/// <param name="Status">The command's exit status.</param>
internal sealed record ErrorMessage(string Text, string? Hint, int Status)
{
    /// <summary>The message for an exception that is expected; null for a defect, whose stack trace must be seen.</summary>
    internal static ErrorMessage? For(Exception exception) => exception switch
    {
        CliException e => new(e.Message, e.Hint, e.Status),
        VirtualMachineException or ImageException => new(exception.Message, null, ExitStatus.Failure),
        IOException or UnauthorizedAccessException => new(exception.Message, null, ExitStatus.Failure),
        OperationCanceledException => new("interrupted", null, ExitStatus.Quit),
        _ => null,
    };

    internal int Print()
    {
        Console.Error.WriteLine($"doppel: {Printable.Of(Text)}");
        if (Hint is not null) Console.Error.WriteLine($"        {Hint}");
        return Status;
    }
}
