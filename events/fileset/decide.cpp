#include <algorithm>

#include "events/fileset/rules.hpp"
#include "events/json/utf8.hpp"
#include "events/json/value.hpp"
#include "events/record/key.hpp"

namespace luthier::events {
namespace {

Result<void> check_purpose(const std::string& purpose) {
  if (purpose == "generic" || purpose == "dataset" || purpose == "model") return {};
  return invalid("data.purpose: \"generic\", \"dataset\" or \"model\" is needed", "data.purpose");
}

// `field` is the prefix of the members: "data." or "data.files[3].".
Result<void> check_file(const File& file, const std::string& field, const Limits& limits) {
  if (const auto problem = problem_of_path(file.path, limits.path_bytes_max); !problem.empty())
    return invalid(field + "path: " + problem, field + "path");
  if (!is_digest(file.digest))
    return invalid(field + "digest: a SHA-256 of 64 lower-case hexadecimal digits is needed", field + "digest");
  if (file.size < 0) return invalid(field + "size: must not be negative", field + "size");
  return {};
}

Error too_many_files(const std::string& field, const Limits& limits) {
  return {ErrorCode::limit, field + ": a fileset has at most " + std::to_string(limits.files_per_fileset_max) + " files", field};
}

// A path that is a directory of the others' paths, or the reverse, has no place in a tree of files.
Result<void> check_place(const std::map<std::string, File>& files, const std::string& path, const std::string& field) {
  const auto inside = files.lower_bound(path + "/");
  if (inside != files.end() && inside->first.starts_with(path + "/"))
    return conflict(field + ": \"" + path + "\" is a directory already, of " + inside->first, field);
  for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
    if (files.contains(path.substr(0, slash)))
      return conflict(field + ": \"" + path.substr(0, slash) + "\" is a file already", field);
  return {};
}

bool is_service(const std::string& principal) { return principal == "system" || principal.starts_with("service:"); }

// What a service has made (the output of a job) is changed by services alone.
Result<void> check_may_change_files(const FilesetState& fileset, const Request& request) {
  if (fileset.service.empty() || is_service(request.key.principal)) return {};
  return Error{ErrorCode::forbidden, "fileset " + reference_to(fileset) + " is immutable: it was made by " + fileset.service +
                                         "; copy its files into a fileset of your own", "name"};
}

// Only a service may say that a fileset is a service's.
Result<void> check_service(const std::string& service, const Request& request, const Limits& limits) {
  if (service.size() > limits.name_bytes_max || !json::is_utf8(service))
    return invalid("data.service: UTF-8 of at most " + std::to_string(limits.name_bytes_max) + " bytes is needed", "data.service");
  if (is_service(request.key.principal)) return {};
  return Error{ErrorCode::forbidden, "data.service: only a service may make a fileset its own", "data.service"};
}

// A project is a label, and one that exists.
Result<void> check_project(const World& world, const FilesetState& fileset, const JsonText& details) {
  const auto project_in = [](const JsonText& text) {
    const auto value = json::parse(text.text);
    const auto* member = value ? value->find("project") : nullptr;
    return member && member->text() ? *member->text() : std::string();
  };
  const std::string project = project_in(details);
  if (project.empty() || project == project_in(fileset.details)) return {};
  if (world.records.contains({fileset.workspace, RecordKey{"project", "", project}.text()})) return {};
  return invalid("project " + project + " does not exist", "data.project");
}

// Details with some of their members replaced.
Result<JsonText> replaced_details(const JsonText& details, const JsonText& members, const Limits& limits) {
  const auto changes = checked_details(members, limits);
  if (!changes) return changes.error();
  auto target = json::parse(details.text);
  const auto source = json::parse(changes->text);
  if (!target) return target.error();
  if (!source) return source.error();
  auto& object = std::get<json::Object>(target->held);
  for (std::size_t i = 0; i < source->object()->names.size(); ++i) {
    const auto& name = source->object()->names[i];
    const auto place = std::find(object.names.begin(), object.names.end(), name) - object.names.begin();
    if (place < std::ssize(object.names)) {
      object.names.erase(object.names.begin() + place);
      object.values.erase(object.values.begin() + place);
    }
    if (source->object()->values[i].is_null()) continue;
    object.names.push_back(name);
    object.values.push_back(source->object()->values[i]);
  }
  std::string text;
  json::append(text, *target);
  return checked_details(JsonText{text}, limits);
}

std::int64_t bytes_of(const FilesetState& fileset) {
  std::int64_t bytes = 0;
  for (const auto& [path, file] : fileset.files) bytes += file.size;
  return bytes;
}

// The quotas, where the operator has set some; `more` may be negative. What jobs make is not held back by them.
Result<void> check_quotas(const World& world, const std::string& workspace, std::int64_t fileset_bytes, std::int64_t more, const Limits& limits) {
  if (limits.fileset_bytes_max > 0 && more > limits.fileset_bytes_max - fileset_bytes)
    return Error{ErrorCode::limit, "the fileset would have " + std::to_string(fileset_bytes + more) + " bytes; " +
                                       std::to_string(limits.fileset_bytes_max) + " are allowed", "data.size"};
  if (limits.workspace_bytes_max == 0) return {};
  std::int64_t bytes = more;
  for (auto found = world.filesets.lower_bound({workspace, ""}); found != world.filesets.end() && found->first.first == workspace; ++found)
    bytes += bytes_of(found->second);
  if (bytes <= limits.workspace_bytes_max) return {};
  return Error{ErrorCode::limit, "the filesets of workspace " + workspace + " would have " + std::to_string(bytes) + " bytes; " +
                                     std::to_string(limits.workspace_bytes_max) + " are allowed", "workspace"};
}

// What needs the fileset; empty when nothing does.
std::string user_of(const World& world, const std::string& fileset_id) {
  for (const auto& [name, model] : world.models) {
    if (model.fileset_id == fileset_id) return title_of("model", name);
    for (const auto& [adapter, state] : model.adapters)
      if (state.fileset_id == fileset_id) return "adapter " + adapter + " of " + title_of("model", name);
  }
  for (const auto& name : world.open_jobs) {
    const JobState& job = world.jobs.at(name);
    if (job.inputs.dataset_fileset_id == fileset_id || job.inputs.model_fileset_id == fileset_id ||
        (job.teacher && job.teacher->fileset_id == fileset_id))
      return title_of("job", name);
  }
  return "";
}

}  // namespace

Result<void> check_files(const std::vector<File>& files, const std::string& field, const Limits& limits) {
  if (files.size() > limits.files_per_fileset_max) return too_many_files(field, limits);
  std::map<std::string, File> seen;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string at = field + "[" + std::to_string(i) + "].";
    if (auto ok = check_file(files[i], at, limits); !ok) return ok;
    if (!seen.emplace(files[i].path, files[i]).second)
      return invalid(at + "path: \"" + files[i].path + "\" is there twice", at + "path");
    if (auto ok = check_place(seen, files[i].path, at + "path"); !ok) return invalid(ok.error().message, ok.error().field);
  }
  return {};
}

Decision decide(const World& world, const Request& request, const CreateFileset& create, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  if (auto ok = check_new_name(world, "fileset", workspace, request.name, "name", limits); !ok) return ok.error();
  if (auto ok = check_description(create.description, limits); !ok) return ok.error();
  if (auto ok = check_purpose(create.purpose); !ok) return ok.error();
  if (auto ok = check_files(create.files, "data.files", limits); !ok) return ok.error();
  auto details = checked_details(create.details, limits);
  if (!details) return details.error();
  if (!create.service.empty())
    if (auto ok = check_service(create.service, request, limits); !ok) return ok.error();
  std::int64_t bytes = 0;
  for (const File& file : create.files) bytes += file.size;
  if (auto ok = check_quotas(world, workspace, 0, bytes, limits); !ok) return ok.error();
  Facts facts{opening_fact(request, workspace, request.name, FilesetCreated{create.description, create.purpose, ""})};
  if (details->text != "{}" || !create.service.empty())
    facts.push_back({facts[0].stream, workspace, request.name, FilesetDetailsSet{std::move(*details), create.service}});
  for (const File& file : create.files) facts.push_back({facts[0].stream, workspace, request.name, FilePut{file}});
  return facts;
}

Decision decide(const World& world, const Request& request, const UpdateFileset& update, const Limits& limits) {
  const auto fileset = target(world.filesets, request);
  if (!fileset) return fileset.error();
  const FilesetUpdated updated{update.description.value_or((*fileset)->description),
                               update.purpose.value_or((*fileset)->purpose)};
  if (auto ok = check_description(updated.description, limits); !ok) return ok.error();
  if (auto ok = check_purpose(updated.purpose); !ok) return ok.error();
  const std::string service = update.service.value_or((*fileset)->service);
  if (service != (*fileset)->service)
    if (auto ok = check_service(service, request, limits); !ok) return ok.error();
  auto details = patched_details((*fileset)->details, update.details, limits);
  if (details && update.members) details = replaced_details(*details, *update.members, limits);
  if (!details) return details.error();
  if (auto ok = check_project(world, **fileset, *details); !ok) return ok.error();
  Facts facts;
  if (updated.description != (*fileset)->description || updated.purpose != (*fileset)->purpose) facts.push_back(fact_of(**fileset, updated));
  if (*details != (*fileset)->details || service != (*fileset)->service)
    facts.push_back(fact_of(**fileset, FilesetDetailsSet{std::move(*details), service}));
  return facts;
}

Decision decide(const World& world, const Request& request, const PutFile& put, const Limits& limits) {
  const auto fileset = target(world.filesets, request);
  if (!fileset) return fileset.error();
  if (auto ok = check_may_change_files(**fileset, request); !ok) return ok.error();
  if (put.size == -1) return unchecked("data.size");
  const File file{put.path, put.digest, put.size};
  if (auto ok = check_file(file, "data.", limits); !ok) return ok.error();
  const auto& files = (*fileset)->files;
  const auto present = files.find(file.path);
  if (present != files.end() && present->second == file) return Facts{};
  if (present == files.end() && files.size() >= limits.files_per_fileset_max) return too_many_files("data.path", limits);
  if (auto ok = check_place(files, file.path, "data.path"); !ok) return ok.error();
  if (limits.fileset_bytes_max > 0 || limits.workspace_bytes_max > 0) {
    const auto more = file.size - (present == files.end() ? 0 : present->second.size);
    if (auto ok = check_quotas(world, (*fileset)->workspace, bytes_of(**fileset), more, limits); more > 0 && !ok) return ok.error();
  }
  return Facts{fact_of(**fileset, FilePut{file})};
}

Decision decide(const World& world, const Request& request, const DeleteFile& remove, const Limits&) {
  const auto fileset = target(world.filesets, request);
  if (!fileset) return fileset.error();
  if (auto ok = check_may_change_files(**fileset, request); !ok) return ok.error();
  if (!(*fileset)->files.contains(remove.path))
    return Error{ErrorCode::not_found, "fileset " + reference_to(**fileset) + " has no file \"" + remove.path + "\"", "data.path"};
  return Facts{fact_of(**fileset, FileDeleted{remove.path})};
}

Decision decide(const World& world, const Request& request, const DeleteFileset&, const Limits&) {
  const auto fileset = target(world.filesets, request);
  if (!fileset) return fileset.error();
  if (const auto user = user_of(world, (*fileset)->id); !user.empty())
    return conflict("fileset " + reference_to(**fileset) + " is needed by " + user, "name");
  return Facts{fact_of(**fileset, FilesetDeleted{})};
}

}  // namespace luthier::events
