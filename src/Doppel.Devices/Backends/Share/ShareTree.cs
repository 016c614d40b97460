using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>
/// The files that the guest holds, as the tree of names by which it found them, with a bounded number of descriptors. When the guest
/// renames a folder, everything below it has moved too. What the host renames is found by its descriptor as long as that is kept, and is
/// stale afterwards. Thread contract: one thread at a time.
/// </summary>
internal sealed class ShareTree : IDisposable
{
    // Those that one message may need at the same time, with some to spare.
    private const int FewestDescriptors = 16;

    // Descriptors that only spare finding a file again are part of those that open files may take, if these are many.
    private const int MostKept = 1024, KeptPart = 16;

    private readonly LinkedList<ShareNode> _recent = new();
    private readonly List<ulong> _devices;
    private readonly ShareOptions _options;
    private readonly int _maxDescriptors, _maxKept, _maxNodes;
    private int _entries;
    private int _nodes;
    private ulong _turn;

    internal ShareTree(HostEntry root, ShareOptions options)
    {
        _options = options;
        _maxDescriptors = Math.Max(FewestDescriptors, options.MaxDescriptors);
        _maxKept = Math.Max(_maxDescriptors / KeptPart, Math.Min(_maxDescriptors, MostKept));
        _maxNodes = options.MaxNodes;
        root.GetStatus(out HostFileStatus status);
        _devices = [status.Device];
        Root = new ShareNode(null, [], status.Identity, status.Inode) { Entry = root, References = 1 };
    }

    internal ShareNode Root { get; }

    /// <summary>File systems whose files were seen.</summary>
    internal IReadOnlyList<ulong> Devices => _devices;

    /// <summary>Descriptors held here and elsewhere on the share's behalf.</summary>
    internal int Descriptors => _entries + OpenFiles;

    /// <summary>Open files, counted by those who open them.</summary>
    internal int OpenFiles { get; set; }

    /// <summary>
    /// True if no further file may be held; those that can be given up, and that the message at hand has not reached, were.
    /// </summary>
    internal bool IsFull
    {
        get
        {
            while ((Descriptors >= _maxDescriptors || _entries >= _maxKept)
                && _recent.First is { } oldest && oldest.Value.LastUse != _turn)
                Forget(oldest.Value);
            return Descriptors >= _maxDescriptors || _nodes >= _maxNodes;
        }
    }

    /// <summary>The next message begins: descriptors that the last one reached may be given up.</summary>
    internal void BeginTurn() => _turn++;

    /// <summary>Finds an entry of a folder; the caller gets a reference to the node.</summary>
    internal int Walk(ShareNode folder, ReadOnlySpan<byte> name, out ShareNode? node)
    {
        node = null;
        int error = Reach(folder, out HostEntry? at);
        if (error != 0) return error;
        if (IsFull) return Errno.ENFILE;
        HostEntry? entry;
        using (ShareRights rights = new(_options))
        {
            do error = at!.Find(name, out entry);
            while (rights.Extend(error, at));
        }
        if (error != 0) return error;
        error = entry!.GetStatus(out HostFileStatus status);
        if (error != 0)
        {
            entry.Dispose();
            return error;
        }
        node = Adopt(folder, name, status);
        if (node.Entry is null) Keep(node, entry);
        else entry.Dispose();
        return 0;
    }

    /// <summary>Gives the node of a file that was found or made under a name; the caller gets a reference to it.</summary>
    internal ShareNode Adopt(ShareNode folder, ReadOnlySpan<byte> name, in HostFileStatus status)
    {
        ShareNode? node = Child(folder, name);
        if (node is not null && node.Identity != status.Identity)
        {
            Detach(node);
            node = null;
        }
        if (node is null)
        {
            node = new ShareNode(folder, name.ToArray(), status.Identity, NumberOf(status.Device, status.Inode));
            folder.References++;
            _nodes++;
            (folder.Children ??= new(ShareNameComparer.Instance)).Add(node.Name, node);
        }
        node.References++;
        return node;
    }

    /// <summary>Gives the descriptor of a node, which stays valid during the message at hand.</summary>
    internal int Reach(ShareNode node, out HostEntry? entry)
    {
        entry = node.Entry;
        node.LastUse = _turn;
        if (entry is not null)
        {
            if (node.Place.List is not null)
            {
                _recent.Remove(node.Place);
                _recent.AddLast(node.Place);
            }
            return 0;
        }
        return node.IsDetached ? Errno.ESTALE : FindAgain(node, out entry);
    }

    /// <summary>Ends a reference.</summary>
    internal void Release(ShareNode? node)
    {
        while (node is not null && --node.References == 0)
        {
            ShareNode? parent = node.Parent;
            if (!node.IsDetached) parent?.Children?.Remove(node.Name);
            Forget(node);
            _nodes--;
            node = parent;
        }
    }

    /// <summary>Makes sure that a node can be reached when its name is gone.</summary>
    /// <returns>Its descriptor; null if the guest does not hold it, or it can not be found, and so is stale already.</returns>
    internal HostEntry? Pin(ShareNode folder, ReadOnlySpan<byte> name) =>
        Child(folder, name) is { } node && Reach(node, out HostEntry? entry) == 0 ? entry : null;

    /// <summary>A name is gone.</summary>
    internal void Removed(ShareNode folder, ReadOnlySpan<byte> name)
    {
        if (Child(folder, name) is { } node) Detach(node);
    }

    /// <summary>An entry has another name.</summary>
    internal void Renamed(ShareNode oldFolder, ReadOnlySpan<byte> oldName, ShareNode newFolder, ReadOnlySpan<byte> newName)
    {
        ShareNode? node = Child(oldFolder, oldName);
        ShareNode? replaced = Child(newFolder, newName);
        if (node is not null && node == replaced) return;
        if (replaced is not null) Detach(replaced);
        if (node is null) return;
        // The host would not have moved a folder below itself, so the names are out of date: the host has renamed something too.
        if (IsWithin(newFolder, node))
        {
            Detach(node);
            return;
        }
        oldFolder.Children!.Remove(node.Name);
        node.Name = newName.ToArray();
        node.Parent = newFolder;
        newFolder.References++;
        (newFolder.Children ??= new(ShareNameComparer.Instance)).Add(node.Name, node);
        Release(oldFolder);
    }

    /// <summary>
    /// The number by which the guest knows a file: the file's own, marked where it is of another file system than the folder.
    /// </summary>
    internal ulong NumberOf(ulong device, ulong inode)
    {
        int index = _devices.IndexOf(device);
        if (index < 0)
        {
            index = _devices.Count;
            _devices.Add(device);
        }
        return inode ^ ((ulong)index << 48);
    }

    /// <summary>
    /// Takes over the order of file systems of another session, of which the first is the folder's own, whatever its number now.
    /// </summary>
    internal void SetDevices(IReadOnlyList<ulong> devices)
    {
        _devices.RemoveRange(1, _devices.Count - 1);
        _devices.AddRange(devices.Skip(1));
    }

    /// <summary>Makes a node of a file that can not be found; the caller gets a reference to it.</summary>
    internal ShareNode CreateStale(HostFileIdentity identity, ulong number)
    {
        Root.References++;
        _nodes++;
        return new ShareNode(Root, [], identity, number) { IsDetached = true, References = 1 };
    }

    /// <summary>The number of a file that is in the same file system as a node.</summary>
    internal static ulong NumberBeside(ShareNode node, ulong inode) => inode ^ node.Identity.Inode ^ node.Number;

    /// <summary>The names that lead from the root to a node; null if they do not lead there any more.</summary>
    internal static List<byte[]>? PathOf(ShareNode node)
    {
        List<byte[]> names = [];
        for (; node.Parent is not null; node = node.Parent)
        {
            if (node.IsDetached) return null;
            names.Add(node.Name);
        }
        names.Reverse();
        return names;
    }

    /// <summary>Lets go of all descriptors but the root's.</summary>
    public void Dispose()
    {
        while (_recent.First is { } first) Forget(first.Value);
    }

    private static ShareNode? Child(ShareNode folder, ReadOnlySpan<byte> name) =>
        folder.Children is { } children
        && children.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out ShareNode? node) ? node : null;

    private static bool IsWithin(ShareNode node, ShareNode folder)
    {
        for (ShareNode? at = node; at is not null; at = at.Parent)
        {
            if (at == folder) return true;
        }
        return false;
    }

    private int FindAgain(ShareNode node, out HostEntry? entry)
    {
        entry = null;
        if (IsFull) return Errno.ENFILE;
        List<byte[]> names = [];
        ShareNode start = node;
        for (; start.Entry is null; start = start.Parent!)
        {
            if (start.IsDetached) return Errno.ESTALE;
            names.Add(start.Name);
        }
        names.Reverse();
        int error = start.Entry.FindBeneath(names.ToArray(), out entry);
        if (error == 0) error = entry!.GetStatus(out HostFileStatus status) is int failed and not 0 ? failed
            : status.Identity == node.Identity ? 0 : Errno.ESTALE;
        if (error == 0)
        {
            Keep(node, entry!);
            return 0;
        }
        entry?.Dispose();
        entry = null;
        return error is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP ? Errno.ESTALE : error;
    }

    private void Keep(ShareNode node, HostEntry entry)
    {
        node.Entry = entry;
        node.LastUse = _turn;
        _entries++;
        if (!node.IsDetached) _recent.AddLast(node.Place);
    }

    private void Forget(ShareNode node)
    {
        if (node.Place.List is not null) _recent.Remove(node.Place);
        if (node.Entry is null) return;
        node.Entry.Dispose();
        node.Entry = null;
        _entries--;
    }

    // From here on the descriptor is the only way to the file, so it is kept until nobody needs it.
    private void Detach(ShareNode node)
    {
        node.Parent!.Children!.Remove(node.Name);
        node.IsDetached = true;
        if (node.Place.List is not null) _recent.Remove(node.Place);
    }
}
