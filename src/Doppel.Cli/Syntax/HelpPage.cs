using System.CommandLine;
using System.CommandLine.Invocation;
using System.Text;

namespace Doppel.Cli.Syntax;

/// <summary>Prints the help page of a command: usage, commands, arguments, options, examples, notes.</summary>
internal sealed class HelpPage : SynchronousCommandLineAction
{
    private const int Column = 30, Width = 100;

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        parseResult.InvocationConfiguration.Output.Write(Render(parseResult.CommandResult.Command));
        return 0;
    }

    internal static string Render(Command command)
    {
        StringBuilder page = new();
        page.Append(command.Description).Append("\n\nUsage: ").Append(Usage(command)).Append('\n');
        Section(page, "Commands", command.Subcommands.Where(static c => !c.Hidden).Select(static c => (c.Name, c.Description ?? "")));
        Section(page, "Arguments", command.Arguments.Select(static a => (Bracketed(a), a.Description ?? "")));
        Section(page, "Options", Options(command).Select(static o => (Spelling(o), Describe(o))));
        if (command is DoppelCommand { Examples.Count: > 0 } withExamples)
        {
            page.Append("\nExamples:\n");
            foreach ((string line, string meaning) in withExamples.Examples) page.Append("  # ").Append(meaning).Append("\n  ").Append(line).Append('\n');
        }
        foreach (string note in (command as DoppelCommand)?.Notes ?? []) AppendWrapped(page.Append('\n'), note, 0);
        return page.ToString();
    }

    /// <summary>A command's own options and those that hold for every command.</summary>
    internal static IEnumerable<Option> Options(Command command)
    {
        IEnumerable<Option> own = command.Options;
        for (Command? parent = Parent(command); parent is not null; parent = Parent(parent)) own = own.Concat(parent.Options.Where(static o => o.Recursive));
        return own.Where(static o => !o.Hidden);
    }

    /// <summary>The words that lead to a command, beginning with the program's name.</summary>
    internal static string Path(Command command) => Parent(command) is { } parent ? $"{Path(parent)} {command.Name}" : command.Name;

    private static Command? Parent(Command command) => command.Parents.OfType<Command>().FirstOrDefault();

    private static string Usage(Command command)
    {
        List<string> words = [Path(command)];
        if (command.Subcommands.Count > 0) words.Add("COMMAND");
        words.AddRange(command.Arguments.Select(Bracketed));
        words.Add("[OPTIONS]");
        if (command is DoppelCommand { Trailing: { Length: > 0 } trailing }) words.Add($"[-- {trailing}]");
        return string.Join(' ', words);
    }

    private static string Bracketed(Argument argument)
    {
        string name = argument.Arity.MaximumNumberOfValues > 1 ? argument.Name + "..." : argument.Name;
        return argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name;
    }

    private static string Spelling(Option option)
    {
        IEnumerable<string> names = option.Aliases.Order(StringComparer.Ordinal).OrderBy(static a => a.Length).Append(option.Name);
        string spelled = string.Join(", ", names);
        return option.HelpName is { Length: > 0 } value ? $"{spelled} {value}" : spelled;
    }

    private static string Describe(Option option)
        => option.HasDefaultValue && option.GetDefaultValue() is string { Length: > 0 } value ? $"{option.Description} [default: {value}]" : option.Description ?? "";

    private static void Section(StringBuilder page, string title, IEnumerable<(string Name, string Text)> rows)
    {
        bool first = true;
        foreach ((string name, string text) in rows)
        {
            if (first) page.Append('\n').Append(title).Append(":\n");
            first = false;
            string left = "  " + name;
            page.Append(left.Length < Column ? left.PadRight(Column) : left + "\n" + new string(' ', Column));
            AppendWrapped(page, text, Column);
        }
    }

    private static void AppendWrapped(StringBuilder page, string text, int indent)
    {
        int used = indent;
        foreach (string word in text.Split(' '))
        {
            if (used > indent && used + 1 + word.Length > Width)
            {
                page.Append('\n').Append(' ', indent);
                used = indent;
            }
            if (used > indent) page.Append(' ');
            page.Append(word);
            used += word.Length + 1;
        }
        page.Append('\n');
    }
}
