using Doppel.Core.Diagnostics;

namespace Doppel.Cli.Translation;

/// <summary>What <c>--verify</c> has found, for people.</summary>
internal static class DifferencePage
{
    internal static void Write(EngineDifferenceException difference, TextWriter output)
    {
        output.Write($"doppel: {difference.Report}");
        if (difference.HostCode.IsEmpty) return;
        output.WriteLine("Host code of the unit:");
        HostDisassembly.Write(difference.HostCode.Span, difference.HostAddress, output);
        output.WriteLine("--jit no-NAME switches one optimisation off, to find the one that goes wrong: docs/jit.md");
    }
}
