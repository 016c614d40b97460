namespace Doppel.Cli.Output;

/// <summary>An error for people: what failed, which resource, why; the hint says what to type.</summary>
internal sealed class CliException : Exception
{
    public CliException()
        : this("unknown error")
    {
    }

    public CliException(string message)
        : base(message)
    {
    }

    public CliException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal CliException(string message, string? hint, int status = ExitStatus.Failure)
        : base(message)
    {
        Hint = hint;
        Status = status;
    }

    internal string? Hint { get; }

    internal int Status { get; } = ExitStatus.Failure;

    internal static CliException Usage(string message, string? hint = null) => new(message, hint, ExitStatus.Usage);
}
