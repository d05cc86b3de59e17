// The Files service: filesets, their files, and the read API that Hugging Face's clients speak.
#include "actors/api/files.hpp"

#include <map>

#include "actors/api/import_state.hpp"
#include "actors/api/services.hpp"
#include "events/json/fields.hpp"
#include "events/world/names.hpp"
#include "events/world/world.hpp"

namespace luthier::api {

using rest::Json;

DocumentPointer find_fileset(const Context& context, const std::string& workspace, const std::string& name) {
  return context.services.documents.get("fileset", workspace, name);
}

rest::Answer no_fileset(const std::string& workspace, const std::string& name) { return not_found("fileset", workspace, name); }

std::optional<events::File> find_file(const Context& context, const std::string& workspace, const std::string& fileset, const std::string& path) {
  const auto row = context.services.platform.read_models().get("file", workspace, fileset + "/" + path);
  if (!row || !*row) return std::nullopt;
  auto file = json::from_json<events::File>(**row);
  return file ? std::optional(std::move(*file)) : std::nullopt;
}

rest::Answer no_file(const std::string& workspace, const std::string& fileset, const std::string& path) {
  return rest::detail(404, "file " + path + " not found in fileset " + workspace + "/" + fileset);
}

std::vector<events::File> files_of(const Context& context, const std::string& workspace, const std::string& fileset) {
  std::vector<events::File> files;
  const auto row = context.services.platform.read_models().get("fileset", workspace, fileset);
  if (!row || !*row) return files;
  const auto document = Json::parse(**row, nullptr, false);
  const auto* list = rest::find_member(document, "files");
  if (!list || !list->is_array()) return files;
  files.reserve(list->size());
  for (const auto& file : *list)
    files.push_back({file.value("path", ""), file.value("digest", ""), file.value("size", std::int64_t{0})});
  return files;
}

events::File ShownFile::tagged() const {
  auto with_tag = file;
  if (with_tag.digest.empty() && remote) with_tag.digest = remote->git_oid.empty() ? remote->etag : remote->git_oid;
  return with_tag;
}

namespace {

ShownFile shown_here(events::File file, bool is_external) { return {std::move(file), is_external ? "cached" : "not_cacheable", std::nullopt}; }

ShownFile shown_elsewhere(hub::RemoteFile remote, std::optional<ImportState> state) {
  events::File file{remote.path, remote.sha256, remote.size};
  return {std::move(file), state == ImportState::importing ? "caching" : "not_cached", std::move(remote)};
}

}  // namespace

std::vector<ShownFile> shown_files(const Context& context, const Document& fileset) {
  const bool external = is_external(fileset.row);
  std::map<std::string, ShownFile> by_path;
  for (auto& file : files_of(context, text_or_empty(fileset.row, "workspace"), text_or_empty(fileset.row, "name"))) {
    auto path = file.path;
    by_path.emplace(std::move(path), shown_here(std::move(file), external));
  }
  if (auto import = import_of(fileset.row))
    for (auto& remote : import->listing.files)
      if (!by_path.contains(remote.path)) by_path.emplace(remote.path, shown_elsewhere(remote, import->state));
  std::vector<ShownFile> files;
  files.reserve(by_path.size());
  for (auto& [path, file] : by_path) files.push_back(std::move(file));
  return files;
}

std::optional<ShownFile> shown_file(const Context& context, const Document& fileset, const std::string& path) {
  if (auto file = find_file(context, text_or_empty(fileset.row, "workspace"), text_or_empty(fileset.row, "name"), path))
    return shown_here(std::move(*file), is_external(fileset.row));
  if (auto remote = remote_file_of(fileset.row, path)) return shown_elsewhere(std::move(*remote), import_state_of(fileset.row));
  return std::nullopt;
}

std::optional<rest::Answer> refuse_path(const std::string& path) {
  const auto problem = events::problem_of_path(path, events::Limits().path_bytes_max);
  if (problem.empty()) return std::nullopt;
  return rest::detail(400, "The path of a file " + problem + ".");
}

bool is_external(const Json& fileset_row) {
  const auto* details = rest::find_member(fileset_row, "details");
  const auto* storage = details ? rest::find_member(*details, "storage") : nullptr;
  return storage && storage->is_object();
}

Json file_json(const std::string& workspace, const std::string& fileset, const events::File& file, const std::string& cache_status) {
  return {{"file_ref", workspace + "/" + fileset + "#" + file.path},
          {"file_url", "/apis/files/v2/workspaces/" + workspace + "/filesets/" + fileset + "/-/" + file.path},
          {"path", file.path},
          {"size", file.size},
          {"cache_status", cache_status.empty() ? Json(nullptr) : Json(cache_status)},
          {"digest", file.digest.empty() ? Json(nullptr) : Json(file.digest)}};  // of our own: SHA-256
}

rest::Schema file_schema() {
  using namespace rest;
  return object({required("file_ref", text()), required("file_url", text()), required("path", text()), required("size", integer().at_least(0)),
                 optional("cache_status", text()), optional("digest", text())})
      .named("FilesetFile");
}

void send(Context& context, const rest::Answer& answer) {
  auto headers = answer.headers;
  headers.emplace_back("X-Request-Id", context.request_id);
  context.exchange.answer(answer.status, answer.content_type, answer.body, headers);
}

void add_files(Routes& routes, Services& services) {
  add_filesets(routes, services);
  add_file_listing(routes, services);
  add_file_content(routes, services);
  add_hub_routes(routes, services);
}

}  // namespace luthier::api
