using System.Text;

namespace Doppel.Consoles;

/// <summary>
/// The text that a console printed, from some point on: old text is dropped when the bound is reached. Positions count characters since
/// the start of the machine. Thread contract: none; its owner locks.
/// </summary>
internal sealed class Transcript(int capacity)
{
    private readonly Decoder _decoder = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false).GetDecoder();
    private readonly StringBuilder _text = new();

    /// <summary>Position of the first character that is still there.</summary>
    public long Start { get; private set; }

    /// <summary>Position behind the last character.</summary>
    public long End => Start + _text.Length;

    /// <summary>Adds bytes of UTF-8; a character may be split between calls.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        Span<char> buffer = stackalloc char[512];
        while (!bytes.IsEmpty)
        {
            _decoder.Convert(bytes, buffer, flush: false, out int used, out int produced, out _);
            _text.Append(buffer[..produced]);
            bytes = bytes[used..];
        }
        // Trim in large steps: removing from the front moves everything that is left.
        if (_text.Length <= capacity * 2) return;
        int excess = _text.Length - capacity;
        _text.Remove(0, excess);
        Start += excess;
    }

    /// <summary>The text from a position on, or from the first that is still there.</summary>
    public string From(long position)
    {
        int skip = (int)Math.Clamp(position - Start, 0, _text.Length);
        return _text.ToString(skip, _text.Length - skip);
    }
}
