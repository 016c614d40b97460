using System.CommandLine;

namespace Doppel.Cli.Syntax;

/// <summary>A command together with what its help page shows beyond its options.</summary>
internal sealed class DoppelCommand(string name, string description) : Command(name, description)
{
    /// <summary>What may stand after <c>--</c>, for instance <c>COMMAND [ARGS…]</c>; empty if nothing may.</summary>
    internal string Trailing { get; init; } = "";

    /// <summary>Command lines that work as they stand, each with what it does.</summary>
    internal IReadOnlyList<(string Line, string Meaning)> Examples { get; init; } = [];

    /// <summary>Paragraphs at the end of the page.</summary>
    internal IReadOnlyList<string> Notes { get; init; } = [];
}
