using System.CommandLine;
using Doppel.Cli;
using Doppel.Cli.Commands;
using Doppel.Cli.Completion;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;
using Doppel.UnitTests.House;

namespace Doppel.UnitTests.Cli;

public sealed class CommandLineTests
{
    private static readonly Command s_root = CommandTree.Create(null);

    public static TheoryData<string> AllCommands => new(Descendants(s_root).Select(HelpPage.Path));

    [Theory]
    [MemberData(nameof(AllCommands))]
    public void Help_OfEveryCommand_NamesEveryOptionAndHasAnExampleThatParses(string path)
    {
        Command command = Descendants(s_root).Single(c => HelpPage.Path(c) == path);
        string page = HelpPage.Render(command);
        Assert.All(HelpPage.Options(command), option => Assert.Contains(option.Name, page, StringComparison.Ordinal));
        Assert.NotEmpty(((DoppelCommand)command).Examples);
        Assert.All(((DoppelCommand)command).Examples, static example => Assert.Empty(s_root.Parse(TrailingCommand.Split(Words(example.Line)).Own).Errors));
    }

    [Theory]
    [InlineData("docter", "doctor")]
    [InlineData("doctor", "doctor")]
    public void Suggest_SlipOfTheKeyboard_FindsTheCommand(string typed, string meant) => Assert.Equal(meant, UsageErrors.Suggest(typed, s_root));

    [Fact]
    public void Suggest_QemuSpelling_FindsTheOption()
        => Assert.Equal("--json", UsageErrors.Suggest("-json", s_root.Subcommands.Single(static c => c.Name == "doctor")));

    [Fact]
    public void Suggest_SomethingElse_FindsNothing() => Assert.Null(UsageErrors.Suggest("xyzzy", s_root));

    [Fact]
    public void UsageErrors_UnknownOption_HasStatusTwoAndNamesIt()
    {
        CliException error = UsageErrors.From(s_root.Parse(["doctor", "--nonsense"]));
        Assert.Equal(ExitStatus.Usage, error.Status);
        Assert.Contains("--nonsense", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run -M virt -smp 2 -m 1G -kernel Image -append quiet -drive file=a.img,format=raw -nic user,hostfwd=tcp::8080-:80 -nographic",
        "-M: leave it out", "-kernel: did you mean `--kernel`?", "-append: did you mean `--append`?", "-drive: a disk is `--disk FILE`", "-nic: ", "`--publish 8080:80`", "-nographic: leave it out")]
    [InlineData("run --mount type=bind debian", "`--share FOLDER:/mnt`")]
    [InlineData("run --privileged debian", "a kernel of its own")]
    [InlineData("run --user 1000 debian", "`doppel exec -u USER NAME COMMAND`")]
    [InlineData("run -p8080:80 debian", "did you mean `-p 8080:80`?")]
    [InlineData("run --cpus 1.5 debian", "--cpu-limit 50%")]
    [InlineData("run -t debian", "a terminal needs no option")]
    [InlineData("run uname -m", "-m needs a value: SIZE", "`doppel run -- uname`")]
    [InlineData("-m 1G -smp 2", "`doppel run -m ...`")]
    [InlineData("images", "`doppel image list`")]
    [InlineData("build -t app .", "`doppel image build -f FILE --name NAME`")]
    [InlineData("create web", "`doppel run -d --name NAME IMAGE`")]
    [InlineData("image history debian", "`doppel image inspect IMAGE`")]
    public void UsageErrors_WordsOfPeers_SayWhatToTypeHere(string line, params string[] remedies)
    {
        TrailingCommand words = TrailingCommand.Split(line.Split(' '));
        CliException error = UsageErrors.From(s_root.Parse(words.Own, Program.Parsing));
        Assert.Equal(ExitStatus.Usage, error.Status);
        Assert.All(remedies, remedy => Assert.Contains(remedy, error.Message + error.Hint, StringComparison.Ordinal));
    }

    [Fact]
    public void Variables_AsTyped_AreRead()
    {
        Dictionary<string, string> variables = ExecVariables.ReadNamed([], ["A=1", "B=x=y", "A=2", "PATH", "DOPPEL_NOT_SET_ANYWHERE"]);
        Assert.Equal(("2", "x=y", Environment.GetEnvironmentVariable("PATH"), 3), (variables["A"], variables["B"], variables["PATH"], variables.Count));
        Assert.Throws<CliException>(() => ExecVariables.ReadNamed([], ["1A=b"]));
        Assert.Throws<CliException>(() => ExecVariables.ReadNamed([], ["=b"]));
    }

    [Theory]
    [InlineData("chaining")]
    [InlineData("no-chaining,fast")]
    public void UsageErrors_JitOptionThatSwitchesNothingOff_NamesThoseThatThereAre(string options)
    {
        CliException error = UsageErrors.From(s_root.Parse(["run", "--jit", options]));
        Assert.Equal(ExitStatus.Usage, error.Status);
        Assert.All(TranslatorConfig.Switches, s => Assert.Contains($"no-{s.Key}", error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Switches_OfTheTranslator_AreAllInTheManual()
    {
        string page = File.ReadAllText(Path.Combine(SourceFile.Root, "docs", "jit.md"));
        Assert.All(TranslatorConfig.Switches, s => Assert.Contains($"| `no-{s.Key}` |", page, StringComparison.Ordinal));
    }

    [Fact]
    public void Validate_UnknownSwitchOfTheTranslator_NamesItAndThoseThatThereAre()
    {
        VirtualMachineConfig config = new() { KernelPath = "Image", Translator = new TranslatorConfig { Off = ["chaining", "warp"] } };
        string problem = Assert.Single(VirtualMachineConfigValidator.Validate(config));
        Assert.Contains("no-warp", problem, StringComparison.Ordinal);
        Assert.Contains("no-chaining", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Tree_OfOneBranch_IsThatOfTheWhole()
    {
        foreach (Command branch in s_root.Subcommands.Where(static c => c.Name != "completion"))
        {
            Command only = Assert.Single(CommandTree.Create(null, branch.Name).Subcommands);
            Assert.Equal(HelpPage.Render(branch), HelpPage.Render(only));
        }
        Assert.Equal(s_root.Subcommands.Count, CommandTree.Create(null, "rnu").Subcommands.Count);
        Assert.Equal(s_root.Subcommands.Count, CommandTree.Create(null, "completion").Subcommands.Count);
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public void Completion_OfEveryShell_NamesEveryCommandAndOption(string shell)
    {
        string script = CompletionScript.For(shell, s_root);
        Assert.All(Descendants(s_root).Skip(1), command => Assert.Contains(command.Name, script, StringComparison.Ordinal));
        Assert.All(Descendants(s_root).SelectMany(HelpPage.Options), option => Assert.Contains(option.Name.TrimStart('-'), script, StringComparison.Ordinal));
    }

    private static IEnumerable<Command> Descendants(Command command) => command.Subcommands.SelectMany(Descendants).Prepend(command);

    // Examples are shell lines: the words of doppel's own part, from its name to whatever the shell takes over.
    private static string[] Words(string line)
        => [.. line[(line.IndexOf("doppel ", StringComparison.Ordinal) + "doppel ".Length)..].Split(' ').TakeWhile(static w => w is not (">" or "|")).Select(static w => w.Trim('"', '\'', ')'))];
}
