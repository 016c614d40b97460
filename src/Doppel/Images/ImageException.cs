namespace Doppel.Images;

/// <summary>An image cannot be had. The message says what failed, why, and what mends it.</summary>
public sealed class ImageException : Exception
{
    /// <summary>Creates the exception with a finished message.</summary>
    public ImageException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a finished message and its cause.</summary>
    public ImageException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an exception with no detail.</summary>
    public ImageException()
    {
    }
}
