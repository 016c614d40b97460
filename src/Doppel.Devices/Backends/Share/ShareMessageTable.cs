namespace Doppel.Devices.Backends.Share;

/// <summary>The messages of 9P2000.L, one row each (Linux, include/net/9p/9p.h and Documentation/filesystems/9p.rst).</summary>
internal static class ShareMessageTable
{
    internal static readonly ShareMessage[] Rows =
    [
        //  Type  Name            Layout          Changes  Handler
        new(8,    "statfs",       "4",            false,   AttributeMessages.Statfs),
        new(12,   "lopen",        "44",           false,   FileMessages.Open),
        new(14,   "lcreate",      "4s444",        true,    FileMessages.Create),
        new(16,   "symlink",      "4ss4",         true,    NameMessages.Symlink),
        new(18,   "mknod",        "4s4444",       true,    NameMessages.MakeNode),
        new(20,   "rename",       "44s",          true,    NameMessages.Rename),
        new(22,   "readlink",     "4",            false,   NameMessages.ReadLink),
        new(24,   "getattr",      "48",           false,   AttributeMessages.GetAttributes),
        new(26,   "setattr",      "4444488888",   true,    AttributeMessages.SetAttributes),
        new(30,   "xattrwalk",    "44s",          false,   ExtendedMessages.Walk),
        new(32,   "xattrcreate",  "4s84",         true,    ExtendedMessages.Create),
        new(40,   "readdir",      "484",          false,   FileMessages.ReadFolder),
        new(50,   "fsync",        "44",           false,   FileMessages.Sync),
        new(52,   "lock",         "414884s",      false,   LockMessages.Lock),
        new(54,   "getlock",      "41884s",       false,   LockMessages.GetLock),
        new(70,   "link",         "44s",          true,    NameMessages.Link),
        new(72,   "mkdir",        "4s44",         true,    NameMessages.MakeFolder),
        new(74,   "renameat",     "4s4s",         true,    NameMessages.RenameAt),
        new(76,   "unlinkat",     "4s4",          true,    NameMessages.UnlinkAt),
        new(100,  "version",      "4s",           false,   SessionMessages.Version),
        new(102,  "auth",         "4ss4",         false,   SessionMessages.Authenticate),
        new(104,  "attach",       "44ss4",        false,   SessionMessages.Attach),
        new(108,  "flush",        "2",            false,   SessionMessages.Flush),
        new(110,  "walk",         "44w",          false,   SessionMessages.Walk),
        new(116,  "read",         "484",          false,   FileMessages.Read),
        new(118,  "write",        "484",          false,   FileMessages.Write),
        new(120,  "clunk",        "4",            false,   SessionMessages.Clunk),
        new(122,  "remove",       "4",            false,   NameMessages.Remove),
    ];

    private static readonly ShareMessage?[] s_byType = ByType();

    /// <summary>The message with a number; null if there is none.</summary>
    internal static ShareMessage? Find(byte type) => s_byType[type];

    private static ShareMessage?[] ByType()
    {
        ShareMessage?[] table = new ShareMessage?[256];
        foreach (ShareMessage row in Rows) table[row.Type] = row;
        return table;
    }
}
