#include <algorithm>

#include "events/fileset/rules.hpp"

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

// What needs the fileset; empty when nothing does.
std::string user_of(const World& world, const std::string& fileset_id) {
  for (const auto& [name, model] : world.models) {
    if (model.fileset_id == fileset_id) return title_of("model", name);
    for (const auto& [adapter, state] : model.adapters)
      if (state.fileset_id == fileset_id) return "adapter " + adapter + " of " + title_of("model", name);
  }
  for (const auto& name : world.open_jobs) {
    const JobInputs& inputs = world.jobs.at(name).inputs;
    if (inputs.dataset_fileset_id == fileset_id || inputs.model_fileset_id == fileset_id) return title_of("job", name);
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
  Facts facts{opening_fact(request, workspace, request.name, FilesetCreated{create.description, create.purpose, ""})};
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
  if (updated.description == (*fileset)->description && updated.purpose == (*fileset)->purpose) return Facts{};
  return Facts{fact_of(**fileset, updated)};
}

Decision decide(const World& world, const Request& request, const PutFile& put, const Limits& limits) {
  const auto fileset = target(world.filesets, request);
  if (!fileset) return fileset.error();
  if (put.size == -1) return unchecked("data.size");
  const File file{put.path, put.digest, put.size};
  if (auto ok = check_file(file, "data.", limits); !ok) return ok.error();
  const auto& files = (*fileset)->files;
  const auto present = files.find(file.path);
  if (present != files.end() && present->second == file) return Facts{};
  if (present == files.end() && files.size() >= limits.files_per_fileset_max) return too_many_files("data.path", limits);
  if (auto ok = check_place(files, file.path, "data.path"); !ok) return ok.error();
  return Facts{fact_of(**fileset, FilePut{file})};
}

Decision decide(const World& world, const Request& request, const DeleteFile& remove, const Limits&) {
  const auto fileset = target(world.filesets, request);
  if (!fileset) return fileset.error();
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
