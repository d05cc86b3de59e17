// What a fileset keeps of the store that its files come from, in its details beside `storage`: the listing as it was when the fileset was
// made, and how far its import is.
//
//   "import": {"state", "revision", "bytes", "file_count", "error"?, "request"?,
//              "files"?: [{"path", "size", "sha256"?, "git_oid"?, "etag"?}, …]}
//
// Once every file is here, `files` goes: the fileset has them then. `request` tells a repetition of the request that made the fileset.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "actors/hub/hub.hpp"
#include "actors/rest/json.hpp"

namespace luthier::api {

enum class ImportState {
  listed,     // nobody needs the files here: they are read from the store when they are asked for
  importing,
  complete,
  failed, cancelled,  // for good; what has come by then stays
};
std::string_view to_string(ImportState state);

struct Import {
  ImportState state = ImportState::listed;
  hub::Listing listing;
  std::int64_t bytes = 0, file_count = 0;
  std::string error;
};

inline constexpr std::size_t import_files_max = 2'000;
inline constexpr std::size_t import_bytes_max = 200'000;  // of the JSON below: details have 256 KiB for all that a fileset keeps

rest::Json import_json(ImportState state, const hub::Listing& listing);
// Of a row of "fileset" or "fileset_head". nullopt: its store was never asked.
std::optional<Import> import_of(const rest::Json& fileset_row);
// The same without its list of files, which may be long.
std::optional<ImportState> import_state_of(const rest::Json& fileset_row);
// One file of the list.
std::optional<hub::RemoteFile> remote_file_of(const rest::Json& fileset_row, std::string_view path);
std::string revision_of(const rest::Json& fileset_row);  // of the listing

// A merge patch (RFC 7396) of the details.
rest::Json import_patch(ImportState state, const std::string& error = {});

}  // namespace luthier::api
