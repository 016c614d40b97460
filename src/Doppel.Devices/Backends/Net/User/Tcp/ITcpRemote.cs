namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>How reading from a remote went.</summary>
internal enum RemoteRead : byte
{
    /// <summary>Some bytes came.</summary>
    Data,

    /// <summary>Nothing now; <see cref="TcpConnection.RemoteReady"/> will tell.</summary>
    Nothing,

    /// <summary>The remote sends no more.</summary>
    End,

    /// <summary>The remote broke the connection.</summary>
    Broken,
}

/// <summary>
/// The far end of a guest's TCP connection: a socket of the host, or a service of ours. It calls <c>Remote*</c> of its
/// <see cref="TcpConnection"/> when something changes. Thread contract: the event loop's thread.
/// </summary>
internal interface ITcpRemote
{
    /// <summary>True if the remote is there from the start: it will not tell that it is connected.</summary>
    bool IsConnected { get; }

    /// <summary>Takes bytes of the guest, in order.</summary>
    /// <returns>How many; fewer than given if there is no room now, negative if the remote is gone.</returns>
    int Write(ReadOnlySpan<byte> data);

    /// <summary>The guest sends no more.</summary>
    void EndWrite();

    /// <summary>Gives bytes for the guest.</summary>
    RemoteRead Read(Span<byte> buffer, out int count);

    /// <summary>The connection is over; nothing of it is called any more.</summary>
    /// <param name="reset">True if it was broken: the remote should see that.</param>
    void Close(bool reset);
}
