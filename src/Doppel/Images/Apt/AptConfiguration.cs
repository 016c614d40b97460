namespace Doppel.Images.Apt;

/// <summary>The apt.conf(5) that is read after the host's own and moves all state into a private folder.</summary>
internal static class AptConfiguration
{
    /// <summary>Text of the configuration for one private folder.</summary>
    /// <param name="folder">Absolute path of the folder.</param>
    /// <param name="architecture">Debian architecture of the archive.</param>
    public static string Private(string folder, string architecture)
    {
        if (folder.AsSpan().IndexOfAny('"', '\n', ';') >= 0) throw new AptException($"apt cannot work in a folder of the name {folder}");
        // Hooks of the host act on the host's state (Docker's own configuration deletes its caches, for one): they go.
        // The sandbox user cannot reach a cache below a home folder; it only matters to root.
        return $$"""
            #clear APT::Update::Pre-Invoke;
            #clear APT::Update::Post-Invoke;
            #clear APT::Update::Post-Invoke-Success;
            #clear APT::Architectures;
            #clear Acquire::Languages;
            Dir::State "{{folder}}/";
            Dir::State::status "{{folder}}/status";
            Dir::State::lists "{{folder}}/lists/";
            Dir::State::extended_states "{{folder}}/extended_states";
            Dir::Cache "{{folder}}/";
            Dir::Cache::archives "{{folder}}/archives/";
            Dir::Cache::pkgcache "{{folder}}/pkgcache.bin";
            Dir::Cache::srcpkgcache "{{folder}}/srcpkgcache.bin";
            Dir::Etc::sourcelist "{{folder}}/debian.sources";
            Dir::Etc::sourceparts "/dev/null";
            Dir::Etc::preferences "/dev/null";
            Dir::Etc::preferencesparts "/dev/null";
            Dir::Log "{{folder}}/log/";
            APT::Architecture "{{architecture}}";
            APT::Architectures { "{{architecture}}"; };
            APT::Default-Release "";
            APT::Sandbox::User "root";
            APT::Get::AllowUnauthenticated "false";
            APT::Get::List-Cleanup "true";
            Acquire::AllowInsecureRepositories "false";
            Acquire::AllowWeakRepositories "false";
            Acquire::AllowDowngradeToInsecureRepositories "false";
            Acquire::GzipIndexes "true";
            Acquire::Languages { "none"; };
            Acquire::Retries "3";
            Debug::NoLocking "false";

            """;
    }
}
