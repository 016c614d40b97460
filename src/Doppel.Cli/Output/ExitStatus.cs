namespace Doppel.Cli.Output;

/// <summary>The command's own exit statuses; any other comes from the guest.</summary>
internal static class ExitStatus
{
    internal const int Success = 0;

    /// <summary>The command line is wrong.</summary>
    internal const int Usage = 2;

    /// <summary>The time given with <c>--timeout</c> is over (as <c>timeout(1)</c> has it).</summary>
    internal const int Timeout = 124;

    /// <summary>Doppel itself failed (as container engines have it).</summary>
    internal const int Failure = 125;

    /// <summary>The user quit with Ctrl-A X: 128 + SIGINT.</summary>
    internal const int Quit = 130;

    /// <summary>A signal ended the command: 128 + its number, as shells have it.</summary>
    internal static int FromSignal(int number) => 128 + number;
}
