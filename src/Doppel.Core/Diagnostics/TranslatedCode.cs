namespace Doppel.Core.Diagnostics;

/// <summary>Guest code that an engine has just translated, for dumps and profilers.</summary>
/// <param name="Gpa">Guest-physical address of the first instruction.</param>
/// <param name="Mode">Privilege mode that it is for, by its letter.</param>
/// <param name="Quality">How it was translated: <c>quick</c>, or <c>region</c> from the optimiser.</param>
/// <param name="Instructions">Guest instructions in it.</param>
/// <param name="HostAddress">Where the host code is.</param>
/// <param name="HostCode">The host code as it was emitted, before any jump was linked.</param>
/// <param name="Text">Guest instructions, each with the operations that it became; empty unless a trace was asked for.</param>
public sealed record TranslatedCode(
    ulong Gpa, char Mode, string Quality, int Instructions, ulong HostAddress, ReadOnlyMemory<byte> HostCode, string Text);
