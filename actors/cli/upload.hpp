// File contents of the command line: stored directly where the server's disk is this one, else over HTTP. Bytes never
// travel in commands.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "actors/cli/context.hpp"
#include "events/fileset/events.hpp"

namespace luthier::cli {

struct LocalFile {
  std::filesystem::path file;
  std::string path;  // in the fileset
};

// A file, or every file of a directory but hidden ones, by path. Links are not followed out of the directory.
Result<std::vector<LocalFile>> files_of(const std::filesystem::path& source);

// Stores all of them, with a progress bar on stderr when a person watches.
Result<std::vector<events::File>> upload(Context& context, const std::vector<LocalFile>& files);

// Writes a blob to `to`, verified; nothing is there under that name before it is complete.
Result<void> download(Context& context, const events::File& file, const std::filesystem::path& to);

// Files as the commands name them: [{"path", "digest", "size"}].
nlohmann::ordered_json files_json(const std::vector<events::File>& files);

// Creates a fileset of these files; with --json nothing is printed.
Result<void> create_fileset(Context& context, const Name& name, const std::string& purpose, const std::string& description,
                            const std::vector<events::File>& files);
void remove_fileset(Context& context, const Name& name);  // what a refusal has left behind

}  // namespace luthier::cli
