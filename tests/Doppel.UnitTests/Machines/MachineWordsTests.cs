using System.Text.Json;
using Doppel.Cli.Commands;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.UnitTests.Images;

namespace Doppel.UnitTests.Machines;

/// <summary>The small languages of the commands for machines: templates, filters, variables.</summary>
public sealed class MachineWordsTests
{
    private static readonly JsonElement s_web = JsonDocument.Parse("""
        { "name": "web", "status": "running", "cpus": 2, "ports": [ { "hostPort": 8080 } ], "limit": null, "autoRemove": false }
        """).RootElement;

    [Theory]
    [InlineData("{{.name}} is {{ .Status }}", "web is running")]
    [InlineData("{{.Ports.0.hostPort}}/{{.cpus}}", "8080/2")]
    [InlineData(@"{{.name}}\t{{.autoRemove}}\n", "web\tfalse\n")]
    [InlineData("{{.ports}}", "[{\"hostPort\":8080}]")]
    [InlineData("{{json .name}}", "\"web\"")]
    [InlineData("no place", "no place")]
    [InlineData("{{.limit}}", "null")]
    public void Template_IsFilledIn(string text, string filled) => Assert.Equal(filled, Template.Fill(text, s_web));

    [Theory]
    [InlineData("{{.nmae}}", "name, status")]
    [InlineData("{{.ports.1}}", "--format")]
    [InlineData("{{.name.x}}", "--format")]
    [InlineData("{{name}}", "name, status")]
    public void Template_OfWhatIsNotThere_NamesWhatIs(string text, string hint)
    {
        CliException error = Assert.Throws<CliException>(() => Template.Fill(text, s_web));
        Assert.Contains(hint, error.Message + error.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("name=we", true)]
    [InlineData("name=db", false)]
    [InlineData("name=db name=web", true)]
    [InlineData("status=Exited", true)]
    [InlineData("status=running", false)]
    [InlineData("exited=7", true)]
    [InlineData("exited=0", false)]
    [InlineData("image=debian exited=7", true)]
    [InlineData("image=deb", false)]
    [InlineData("", true)]
    public void Filter_OfAMachineThatHasExited_Takes(string words, bool takes)
    {
        MachineRecord record = new() { Name = "web", Created = DateTimeOffset.UnixEpoch, Image = "debian" };
        MachineState state = new() { Status = MachineStatus.Exited, ExitCode = 7 };
        Assert.Equal(takes, new MachineFilter(words.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Takes(record, state));
    }

    [Theory]
    [InlineData("status")]
    [InlineData("colour=red")]
    public void Filter_ThatIsNoFilter_SaysWhatThereIs(string word) =>
        Assert.Contains("status=VALUE", Assert.Throws<CliException>(() => new MachineFilter([word])).Hint, StringComparison.Ordinal);

    [Fact]
    public void Variables_OfFilesAndWords_TheLastCounts()
    {
        using TemporaryFolder folder = new();
        folder.Write("env", "# for tests\n\nA=file\nB=two words\nPATH\n");
        Dictionary<string, string> variables = ExecVariables.Read([folder["env"]], ["A=word", "C=x=y", "NO_SUCH_VARIABLE_HERE"], hasTerminal: false);
        Assert.Equal(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["A"] = "word", ["B"] = "two words", ["C"] = "x=y", ["PATH"] = Environment.GetEnvironmentVariable("PATH")!,
        }, variables);
        Assert.Throws<CliException>(() => ExecVariables.Read([], ["=x"], hasTerminal: false));
    }

    [Fact]
    public void Cell_TextOfAGuest_HasNoSayOverTheTerminal() =>
        Assert.Equal("a?[2J b?ü", PlainTable.Cell("a\u001b[2J\nb\u009bü"));
}
