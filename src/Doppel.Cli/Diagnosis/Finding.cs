namespace Doppel.Cli.Diagnosis;

internal enum FindingState
{
    Good,
    Note,
    Missing,
}

/// <summary>One line of the doctor's report.</summary>
/// <param name="Subject">What was looked at.</param>
/// <param name="State">How it stands.</param>
/// <param name="Text">What was found.</param>
/// <param name="Advice">What to do about it, or null.</param>
internal sealed record Finding(string Subject, FindingState State, string Text, string? Advice = null);
