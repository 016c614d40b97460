using Doppel.Images;

namespace Doppel.UnitTests.Images;

/// <summary>The text of recipes.</summary>
public sealed class RecipeFileTests
{
    [Fact]
    public void Parse_OfAllWords_GivesTheSteps()
    {
        RootRecipe recipe = Parse("""
            # comment
            FROM debian
            SIZE 16G
              PACKAGES python3, gcc   make
            COPY a "b c" /srv/
            ENV ONE=1 TWO="2 and 'more'"
            RUN echo one && \
                # in between
                echo two
            """);

        Assert.Equal(("app", "debian", 16L << 30), (recipe.Name, recipe.From, recipe.DiskBytes));
        Assert.Equal(["python3", "gcc", "make"], Assert.IsType<PackagesStep>(recipe.Steps[0]).Names);
        CopyStep copy = Assert.IsType<CopyStep>(recipe.Steps[1]);
        Assert.Equal(["/recipes/a", "/recipes/b c"], copy.Sources);
        Assert.Equal(("/srv/", "COPY a \"b c\" /srv/"), (copy.Destination, copy.Line));
        Assert.Equal(["ENV ONE=1", "ENV TWO=2 and 'more'"], recipe.Steps.OfType<EnvStep>().Select(static s => s.Line));
        RunStep run = Assert.IsType<RunStep>(recipe.Steps[^1]);
        Assert.Equal(("echo one && echo two", "/recipes/Doppelfile:7"), (run.Command, run.Place));
    }

    [Theory]
    [InlineData("RUN true", ":1: a recipe begins with FROM")]
    [InlineData("# nothing", ": a recipe begins with FROM")]
    [InlineData("FROM debian\nFROM debian", ":2: a second FROM")]
    [InlineData("FROM debian extra", ":1: FROM takes one word")]
    [InlineData("FROM debian\n\nfrom debian", ":3: from is no word of a recipe; there are FROM, PACKAGES")]
    [InlineData("FROM debian\nCMD [\"x\"]", ":2: CMD is no word of a recipe; the command stands behind the image")]
    [InlineData("FROM debian\nEXPOSE 80", ":2: EXPOSE is no word of a recipe; ports are opened")]
    [InlineData("FROM debian\nPACKAGES", ":2: PACKAGES has nothing behind it")]
    [InlineData("FROM debian\nPACKAGES --yes", ":2: --yes is no name of a Debian package")]
    [InlineData("FROM debian\nCOPY file", ":2: COPY takes a path of the host and one of the guest")]
    [InlineData("FROM debian\nCOPY a b", ":2: COPY: b is where the files go in the guest")]
    [InlineData("FROM debian\nCOPY 'a /b", ":2: a quote ' is not closed")]
    [InlineData("FROM debian\nENV 1A=b", ":2: ENV takes NAME=VALUE")]
    [InlineData("FROM debian\nENV A", ":2: ENV takes NAME=VALUE")]
    [InlineData("FROM debian\nSIZE big", ":2: big is no size of a disk")]
    [InlineData("FROM debian\nSIZE 1M", ":2: 1M is no size of a disk")]
    public void Parse_OfWhatIsWrong_NamesTheLineAndWhatToWrite(string text, string error)
    {
        ImageException e = Assert.Throws<ImageException>(() => Parse(text));
        Assert.StartsWith("/recipes/Doppelfile" + error, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("512M", 512L << 20)]
    [InlineData("4g", 4L << 30)]
    [InlineData("1.5GiB", 1536L << 20)]
    [InlineData("2TB", 2L << 40)]
    [InlineData("511M", null)]
    [InlineData("4", null)]
    [InlineData("99T", null)]
    [InlineData("", null)]
    [InlineData("1e9G", null)]
    public void TrySize_OfATextOfAUser_GivesBytesOrNull(string text, long? bytes) => Assert.Equal(bytes, RecipeFile.TrySize(text));

    private static RootRecipe Parse(string text) => RecipeFile.Parse(text, "/recipes/Doppelfile", "app");
}
