using System.Buffers.Binary;
using System.Text;

namespace Doppel.Agent;

/// <summary>A program to run in a guest. Thread contract: immutable.</summary>
public sealed record GuestExec
{
    private const uint TerminalFlag = 1, InputFlag = 2, DetachedFlag = 4;

    /// <summary>A program and its arguments.</summary>
    /// <param name="arguments">The program, by path or by a name that is looked for in PATH, and its arguments.</param>
    public GuestExec(params IReadOnlyList<string> arguments) => Arguments = arguments;

    /// <summary>The program, by path or by a name that is looked for in PATH, and its arguments.</summary>
    public IReadOnlyList<string> Arguments { get; init; }

    /// <summary>Variables; those of the image, and PATH, HOME, USER, LOGNAME and SHELL, are set by the guest where they are not given.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Folder of the guest that it starts in; empty for the root folder.</summary>
    public string WorkingDirectory { get; init; } = "";

    /// <summary>
    /// Who runs it: a name or a number, with its groups, or with the one group of that name or number behind a colon; empty for root.
    /// </summary>
    public string User { get; init; } = "";

    /// <summary>
    /// True to let it go as soon as it runs: it reads nothing, what it prints is lost, and its result is status 0. It goes on when the agent's
    /// connection ends.
    /// </summary>
    public bool Detached { get; init; }

    /// <summary>True to give it a terminal: its standard error is then part of its standard output.</summary>
    public bool Terminal { get; init; }

    /// <summary>Width of the terminal in characters.</summary>
    public int Columns { get; init; } = 80;

    /// <summary>Height of the terminal in lines.</summary>
    public int Rows { get; init; } = 24;

    /// <summary>True if it reads from the host; false for <c>/dev/null</c>. <see cref="GuestAgent.ExecAsync"/> sets it where there is <see cref="Input"/>.</summary>
    public bool HasInput { get; init; }

    /// <summary>What <see cref="GuestAgent.ExecAsync"/> gives it to read.</summary>
    public ReadOnlyMemory<byte> Input { get; init; }

    /// <summary>Most bytes of output that <see cref="GuestAgent.ExecAsync"/> keeps of each stream; a program that prints more is killed.</summary>
    public int MaxOutputBytes { get; init; } = 64 << 20;

    /// <summary>The request as the agent reads it.</summary>
    /// <exception cref="ArgumentException">There is no program, a text holds a NUL character, or all of it is longer than 64 KiB.</exception>
    internal byte[] ToPayload()
    {
        if (Arguments.Count == 0) throw new ArgumentException("there is no program to run", nameof(Arguments));
        MemoryStream payload = new();
        Span<byte> head = stackalloc byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(head, (Terminal ? TerminalFlag : 0) | (HasInput ? InputFlag : 0) | (Detached ? DetachedFlag : 0));
        BinaryPrimitives.WriteUInt32LittleEndian(head[4..], TerminalSize(Columns, Rows));
        BinaryPrimitives.WriteInt32LittleEndian(head[8..], Arguments.Count);
        BinaryPrimitives.WriteInt32LittleEndian(head[12..], Environment.Count);
        payload.Write(head);
        foreach (string text in (string[])[User, WorkingDirectory, .. Arguments, .. Environment.Select(static v => $"{v.Key}={v.Value}")])
        {
            if (text.Contains('\0', StringComparison.Ordinal))
                throw new ArgumentException("a program's arguments cannot hold a NUL character", nameof(Arguments));
            payload.Write(Encoding.UTF8.GetBytes(text));
            payload.WriteByte(0);
        }
        return payload.Length <= AgentFrame.MaxPayload ? payload.ToArray()
            : throw new ArgumentException("the program's arguments and variables are longer than 64 KiB", nameof(Arguments));
    }

    internal static uint TerminalSize(int columns, int rows) =>
        (uint)Math.Clamp(columns, 1, ushort.MaxValue) | ((uint)Math.Clamp(rows, 1, ushort.MaxValue) << 16);
}

/// <summary>How a program in a guest ended.</summary>
/// <param name="ExitCode">Its exit status; 128 + the signal's number if a signal ended it.</param>
/// <param name="Signal">The signal that ended it, or 0.</param>
public readonly record struct GuestExit(int ExitCode, int Signal)
{
    /// <summary>True if the status is zero.</summary>
    public bool IsSuccess => ExitCode == 0;
}

/// <summary>What a program in a guest printed, and how it ended.</summary>
/// <param name="ExitCode">Its exit status; 128 + the signal's number if a signal ended it.</param>
/// <param name="Signal">The signal that ended it, or 0.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Error">Its standard error.</param>
public sealed record GuestExecResult(int ExitCode, int Signal, byte[] Output, byte[] Error)
{
    /// <summary>True if the status is zero.</summary>
    public bool IsSuccess => ExitCode == 0;

    /// <summary>Standard output as UTF-8.</summary>
    public string OutputText => Encoding.UTF8.GetString(Output);

    /// <summary>Standard error as UTF-8.</summary>
    public string ErrorText => Encoding.UTF8.GetString(Error);
}
