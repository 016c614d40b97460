using Doppel.Cli.Output;

namespace Doppel.Cli.Syntax;

/// <summary>Variables as they are typed: <c>NAME=VALUE</c>, or <c>NAME</c> for the host's own value.</summary>
internal static class VariableSyntax
{
    /// <summary>Reads variables; of one that is there twice the last counts, and one that the host does not have is left out.</summary>
    /// <exception cref="CliException">A text names no variable.</exception>
    internal static IReadOnlyDictionary<string, string> Read(IEnumerable<string> texts)
    {
        Dictionary<string, string> variables = new(StringComparer.Ordinal);
        foreach (string text in texts)
        {
            int sign = text.IndexOf('=', StringComparison.Ordinal);
            string name = sign < 0 ? text : text[..sign];
            bool isName = name.Length > 0 && !char.IsAsciiDigit(name[0]) && name.All(static c => char.IsAsciiLetterOrDigit(c) || c == '_');
            if (!isName) throw CliException.Usage($"--env {text}: not NAME=VALUE", "for instance `-e LANG=C.UTF-8`");
            string? value = sign < 0 ? Environment.GetEnvironmentVariable(name) : text[(sign + 1)..];
            if (value is not null) variables[name] = value;
        }
        return variables;
    }
}
