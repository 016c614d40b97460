namespace Doppel.Images.Apt;

/// <summary>apt is missing, not configured for Debian, or refused; the message holds what apt said.</summary>
internal sealed class AptException : Exception
{
    public AptException(string message)
        : base(message)
    {
    }

    public AptException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    public AptException()
    {
    }
}
