// What the files of the Files service share.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "actors/api/routes.hpp"
#include "actors/hub/hub.hpp"
#include "events/fileset/events.hpp"

namespace luthier::api {

inline constexpr std::int64_t read_chunk_bytes = 1 << 20, write_buffer_bytes = 16 << 20;  // of default storage, as answers tell them

// Null: there is no such fileset. Its row is that of the read model "fileset_head".
DocumentPointer find_fileset(const Context& context, const std::string& workspace, const std::string& name);
rest::Answer no_fileset(const std::string& workspace, const std::string& name);
std::optional<events::File> find_file(const Context& context, const std::string& workspace, const std::string& fileset, const std::string& path);
rest::Answer no_file(const std::string& workspace, const std::string& fileset, const std::string& path);
// All of them, in the order of their paths.
std::vector<events::File> files_of(const Context& context, const std::string& workspace, const std::string& fileset);

// A file as a listing has it. One of storage elsewhere may still be there alone.
struct ShownFile {
  events::File file;         // the digest is empty while nobody knows it
  std::string cache_status;  // as the contract spells it
  std::optional<hub::RemoteFile> remote;  // where it is not here

  // The file with something in place of its digest that changes with its content.
  events::File tagged() const;
};
// `fileset` is the document of the fileset that the path names. All of them are in the order of their paths.
std::vector<ShownFile> shown_files(const Context& context, const Document& fileset);
std::optional<ShownFile> shown_file(const Context& context, const Document& fileset, const std::string& path);

// 400: the path leaves its fileset, or is none.
std::optional<rest::Answer> refuse_path(const std::string& path);
bool is_external(const rest::Json& fileset_row);  // its files come from elsewhere
// As the contract shows a file. `cache_status` empty: null.
rest::Json file_json(const std::string& workspace, const std::string& fileset, const events::File& file, const std::string& cache_status);
rest::Schema file_schema();

// Answers of handlers that stream.
void send(Context& context, const rest::Answer& answer);
// The file's bytes, or the range of them that the request asks for: 200, 206, 416. `headers` go into each of these answers.
void send_file(Context& context, const events::File& file, const gateway::HttpHeaders::Entries& headers = {});
// The same of a file that may be elsewhere: then it comes from there, piece by piece; 502 where that fails.
void send_file(Context& context, const Document& fileset, const ShownFile& file, const gateway::HttpHeaders::Entries& headers = {});

// Its parts, one file each.
void add_filesets(Routes& routes, Services& services);
void add_file_listing(Routes& routes, Services& services);
void add_file_content(Routes& routes, Services& services);
void add_hub_routes(Routes& routes, Services& services);

}  // namespace luthier::api
