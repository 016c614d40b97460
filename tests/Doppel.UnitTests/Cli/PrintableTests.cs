using Doppel.Cli.Output;

namespace Doppel.UnitTests.Cli;

public sealed class PrintableTests
{
    [Theory]
    [InlineData("plain, with ümläuts", "plain, with ümläuts")]
    [InlineData("two\nlines\tand more", "two\nlines\tand more")]
    [InlineData("\e[2Jall gone\r\a\u009b31m\u007f", "?[2Jall gone???31m?")]
    public void Of_TextOfOthers_MovesNoCursor(string text, string printed) => Assert.Equal(printed, Printable.Of(text));
}
