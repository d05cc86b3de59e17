#include "actors/api/import_state.hpp"

#include "actors/api/routes.hpp"

namespace luthier::api {
namespace {

using rest::Json;
using enum ImportState;

const Json* import_member(const Json& row) {
  const auto* details = rest::find_member(row, "details");
  const auto* import = details ? rest::find_member(*details, "import") : nullptr;
  return import && import->is_object() ? import : nullptr;
}

ImportState state_of(const Json& import) {
  const auto text = text_or_empty(import, "state");
  for (const auto state : {listed, importing, complete, failed, cancelled})
    if (to_string(state) == text) return state;
  return failed;
}

hub::RemoteFile file_of(const Json& entry) {
  return {text_or_empty(entry, "path"), entry.value("size", std::int64_t{0}), text_or_empty(entry, "sha256"), text_or_empty(entry, "git_oid"),
          text_or_empty(entry, "etag")};
}

}  // namespace

std::string_view to_string(ImportState state) {
  switch (state) {
    case listed: return "listed";
    case importing: return "importing";
    case complete: return "complete";
    case failed: return "failed";
    case cancelled: return "cancelled";
  }
  return "";
}

Json import_json(ImportState state, const hub::Listing& listing) {
  std::int64_t bytes = 0;
  Json files = Json::array();
  for (const auto& file : listing.files) {
    bytes += file.size;
    Json entry = {{"path", file.path}, {"size", file.size}};
    // A digest says more than what else a store has; what is not needed is not kept.
    if (!file.sha256.empty()) entry["sha256"] = file.sha256;
    else if (!file.git_oid.empty()) entry["git_oid"] = file.git_oid;
    if (!file.etag.empty()) entry["etag"] = file.etag;
    files.push_back(std::move(entry));
  }
  return {{"state", to_string(state)},
          {"revision", listing.revision},
          {"bytes", bytes},
          {"file_count", listing.files.size()},
          {"files", std::move(files)}};
}

std::optional<Import> import_of(const Json& fileset_row) {
  const auto* member = import_member(fileset_row);
  if (!member) return std::nullopt;
  Import import;
  import.state = state_of(*member);
  import.listing.revision = text_or_empty(*member, "revision");
  import.bytes = member->value("bytes", std::int64_t{0});
  import.file_count = member->value("file_count", std::int64_t{0});
  import.error = text_or_empty(*member, "error");
  if (const auto* files = rest::find_member(*member, "files"); files && files->is_array())
    for (const auto& entry : *files) import.listing.files.push_back(file_of(entry));
  return import;
}

std::optional<ImportState> import_state_of(const Json& fileset_row) {
  const auto* member = import_member(fileset_row);
  return member ? std::optional(state_of(*member)) : std::nullopt;
}

std::optional<hub::RemoteFile> remote_file_of(const Json& fileset_row, std::string_view path) {
  const auto* member = import_member(fileset_row);
  const auto* files = member ? rest::find_member(*member, "files") : nullptr;
  if (!files || !files->is_array()) return std::nullopt;
  for (const auto& entry : *files)
    if (const auto* name = rest::find_member(entry, "path"); name && name->is_string() && name->get_ref<const std::string&>() == path)
      return file_of(entry);
  return std::nullopt;
}

std::string revision_of(const Json& fileset_row) {
  const auto* member = import_member(fileset_row);
  return member ? text_or_empty(*member, "revision") : "";
}

Json import_patch(ImportState state, const std::string& error) {
  Json import = {{"state", to_string(state)}, {"error", error.empty() ? Json(nullptr) : Json(error)}};
  if (state == complete) import["files"] = nullptr;
  return {{"import", std::move(import)}};
}

}  // namespace luthier::api
