// The Files service: filesets, their files, and the read API that Hugging Face's clients speak.
#include "actors/api/files.hpp"

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
          {"digest", file.digest}};  // of our own: SHA-256
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
