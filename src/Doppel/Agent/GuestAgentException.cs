namespace Doppel.Agent;

/// <summary>The guest refused a request, or its agent does not answer. The message is for people.</summary>
public sealed class GuestAgentException : Exception
{
    // What people meet; the rest go by number.
    private static readonly (int Number, string Text)[] s_texts =
    [
        (1, "operation not permitted"),
        (2, "no such file or directory"),
        (3, "no such process"),
        (5, "input/output error"),
        (7, "argument list too long"),
        (8, "not a program that the guest can run"),
        (11, "the guest's agent has too many requests"),
        (12, "out of memory"),
        (13, "permission denied"),
        (16, "device or resource busy"),
        (17, "file exists"),
        (20, "not a directory"),
        (21, "is a directory"),
        (22, "invalid argument"),
        (23, "too many open files in the guest"),
        (24, "too many open files"),
        (26, "text file busy"),
        (27, "file too large"),
        (28, "no space left on device"),
        (30, "read-only file system"),
        (36, "file name too long"),
        (40, "too many levels of symbolic links, or of folders"),
        (71, "the guest's agent does not know this request"),
        (122, "disk quota exceeded"),
    ];

    /// <summary>Creates an exception with no detail.</summary>
    public GuestAgentException()
    {
    }

    /// <summary>Creates the exception with a finished message.</summary>
    public GuestAgentException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a finished message and its cause.</summary>
    public GuestAgentException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal GuestAgentException(string what, int errorNumber, string? detail)
        : base($"{what}: {(string.IsNullOrEmpty(detail) ? "" : GuestText.Printable(detail) + ": ")}{Describe(errorNumber)}") => ErrorNumber = errorNumber;

    /// <summary>The guest's error number as Linux counts them, or 0 if the guest is not to blame.</summary>
    public int ErrorNumber { get; }

    private static string Describe(int errorNumber) => Array.Find(s_texts, t => t.Number == errorNumber).Text ?? $"error {errorNumber}";
}
