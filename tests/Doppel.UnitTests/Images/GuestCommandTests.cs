using System.Text;
using Doppel.Images;

namespace Doppel.UnitTests.Images;

/// <summary>The host's own shell reads the file that the guest's shell will read.</summary>
public sealed class GuestCommandTests
{
    [Theory]
    [InlineData("plain")]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("it's \"quoted\" $HOME `id` \\n * ? ~ !")]
    [InlineData("line\nbreak\ttab")]
    [InlineData("-n")]
    [InlineData("Grüße 漢字")]
    [InlineData("''''")]
    public void Command_WithAnyArgument_ArrivesUnchanged(string argument)
    {
        var command = new GuestCommand { Arguments = ["printf", "[%s]", argument, argument] };

        Assert.Equal($"[{argument}][{argument}]", RunOnHost(command, "run"));
    }

    [Fact]
    public void Command_WithEnvironmentAndFolder_StartsInThem()
    {
        var command = new GuestCommand
        {
            Arguments = ["sh", "-c", "echo \"$PWD $ONE\"; env | grep -c ^OLDPWD || true"],
            Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["ONE"] = "it's 1" },
            WorkingDirectory = "/usr",
        };

        Assert.Equal("/usr it's 1\n0\n", RunOnHost(command, "run"));
    }

    [Fact]
    public void Command_OnATerminal_SaysItsSize()
    {
        var command = new GuestCommand { Arguments = ["true"], Terminal = true, Columns = 132, Rows = 43 };

        Assert.Equal("1 1 132 43", RunOnHost(command, "printf '%s' \"$tty $reports $columns $rows\""));
    }

    [Fact]
    public void Shell_AlwaysHasATerminalAndReportsNoStatus() =>
        Assert.Equal("1 ", RunOnHost(new GuestCommand(), "printf '%s' \"$tty $reports\""));

    [Fact]
    public void Initrd_HoldsTheCommandForRootAlone()
    {
        IReadOnlyList<CpioEntry> entries = CpioReader.Read(new GuestCommand { Arguments = ["true"] }.ToInitrd());

        Assert.Equal([("doppel", 0x41C0u), ("doppel/command", 0x8180u)], entries.Select(entry => (entry.Path, entry.Mode)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("1ST")]
    [InlineData("A-B")]
    [InlineData("A=B")]
    [InlineData("A;reboot")]
    public void Variable_WithANameNoShellAccepts_IsRefused(string name)
    {
        var command = new GuestCommand { Environment = new Dictionary<string, string>(StringComparer.Ordinal) { [name] = "x" } };

        Assert.Throws<ArgumentException>(command.ToInitrd);
    }

    [Fact]
    public void Argument_WithANulCharacter_IsRefused() =>
        Assert.Throws<ArgumentException>(new GuestCommand { Arguments = ["a\0b"] }.ToInitrd);

    private static string RunOnHost(GuestCommand command, string then)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("command", CpioReader.Read(command.ToInitrd()).Single(entry => entry.Path == "doppel/command").Data);
        return Encoding.UTF8.GetString(Tool.Filter([], "sh", "-c", $". \"$1\"; {then}", "sh", file));
    }
}
