using System.CommandLine;
using System.Text;
using System.Text.RegularExpressions;
using Doppel.Cli;
using Doppel.Cli.Commands;
using Doppel.Cli.Syntax;
using Doppel.UnitTests.House;

namespace Doppel.UnitTests.Cli;

/// <summary>Each line of the guides that calls the command is one that the command understands, also where no test can run it.</summary>
public sealed class DocumentedCommandTests
{
    public static TheoryData<string> Pages =>
        new(Directory.GetFiles(Path.Combine(SourceFile.Root, "docs"), "*.md", SearchOption.AllDirectories).Append(Path.Combine(SourceFile.Root, "README.md"))
            .Select(static p => Path.GetRelativePath(SourceFile.Root, p)).Where(static p => Commands(p).Count > 0));

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_EveryCommand_IsUnderstood(string page) => Assert.Equal("", string.Join('\n', Commands(page).Select(Problem).OfType<string>()));

    [Fact]
    public void Pages_ThatCallTheCommand_AreMany() => Assert.InRange(Pages.Count, 10, 100);

    [Theory]
    [InlineData("run --memroy 1G")]
    [InlineData("image lst")]
    [InlineData("run --cpus none")]
    public void Problem_OfABadExample_IsFound(string line) => Assert.NotNull(Problem([.. line.Split(' ')]));

    [Fact]
    public void Words_OfAShellLine_AreThoseOfTheCommand()
    {
        List<List<string>> found = Find("""a=1; tar c x | ./doppel run -e "A=b c" -- sh -c 'x | y; doppel z' && curl "http://$(./doppel port web 80)/" >f""");
        Assert.Equal(["port web 80", "run -e A=b c -- sh -c x | y; doppel z"], found.Select(static words => string.Join(' ', words)));
    }

    private static string? Problem(List<string> line)
    {
        TrailingCommand words = TrailingCommand.Split([.. line]);
        ParseResult result = CommandTree.Create(words.Guest).Parse(words.Own, Program.Parsing);
        bool wrong = result.Errors.Count > 0 || result.UnmatchedTokens.Count > 0 || UsageErrors.OptionReadAsArgument(result) is not null;
        return wrong ? $"{string.Join(' ', line)}: {UsageErrors.From(result).Message}" : null;
    }

    private static List<List<string>> Commands(string page)
    {
        string text = File.ReadAllText(Path.Combine(SourceFile.Root, page));
        IEnumerable<string> blocks = Regex.Matches(text, "^```(\\w*)\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)
            .Where(static m => m.Groups[1].Value is "" or "sh" or "console").Select(static m => m.Groups[2].Value);
        return [.. blocks.SelectMany(static b => b.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n')).SelectMany(Find)];
    }

    /// <summary>The words behind each <c>doppel</c> of a line of shell, those in <c>$(...)</c> first.</summary>
    private static List<List<string>> Find(string line)
    {
        List<List<string>> found = [];
        line = Regex.Replace(line, @"[$<]\(([^()]*)\)", inner =>
        {
            found.AddRange(Find(inner.Groups[1].Value));
            return "X";
        });
        List<string>? words = null;
        foreach (Match match in Regex.Matches(line, """(?<end>[|;&<>#]+)|(?:'[^']*'|"[^"]*"|[^\s|;&<>#'"])+"""))
        {
            string word = Regex.Replace(match.Value, "['\"]", "");
            if (match.Groups["end"].Success) words = null;
            else if (words is not null) words.Add(word);
            else if (word is "doppel" or "./doppel") found.Add(words = []);
        }
        return [.. found.Where(static f => f.Count > 0)];
    }
}
