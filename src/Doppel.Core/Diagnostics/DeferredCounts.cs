using System.Collections;

namespace Doppel.Core.Diagnostics;

/// <summary>Counts by name that are put together when somebody looks at them first. Thread contract: one thread at a time.</summary>
/// <param name="read">Puts them together.</param>
internal sealed class DeferredCounts(Func<IReadOnlyList<KeyValuePair<string, ulong>>> read) : IReadOnlyList<KeyValuePair<string, ulong>>
{
    private IReadOnlyList<KeyValuePair<string, ulong>>? _counts;

    /// <inheritdoc/>
    public int Count => Counts.Count;

    /// <inheritdoc/>
    public KeyValuePair<string, ulong> this[int index] => Counts[index];

    private IReadOnlyList<KeyValuePair<string, ulong>> Counts => _counts ??= read();

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, ulong>> GetEnumerator() => Counts.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
