namespace Doppel.Devices.Backends.Block;

/// <summary>
/// An image file is damaged, or is of a kind that can not be used. The message says which file, what is wrong and what to do.
/// </summary>
public sealed class DiskImageException : IOException
{
    /// <summary>Creates the exception with a finished message.</summary>
    public DiskImageException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a finished message and its cause.</summary>
    public DiskImageException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an exception with no detail.</summary>
    public DiskImageException()
    {
    }
}
