// The files of a fileset: listed and deleted.
#include "actors/api/answer_schema.hpp"
#include "actors/api/files.hpp"

namespace luthier::api {
namespace {

using namespace rest;

std::vector<QueryField> listing_query() {
  return {{optional("path", text()), "a directory or a file"}, {optional("include_cache_status", boolean(), true), "whether rows say if their content is here"}};
}

// "data" and "data/" are the directory, or the file of that name.
bool is_below(const std::string& path, std::string_view prefix) {
  if (prefix.empty() || path == prefix) return true;
  return path.size() > prefix.size() && path.starts_with(prefix) && path[prefix.size()] == '/';
}

Answer list_files(Context& context) {
  static const auto fields = listing_query();
  const auto query = read_query(context.query, fields);
  if (const auto* refusal = std::get_if<Answer>(&query)) return *refusal;
  const auto& wish = std::get<Json>(query);
  const auto& name = context.path["name"];
  const auto fileset = find_fileset(context, context.workspace(), name);
  if (!fileset) return no_fileset(context.workspace(), name);
  std::string prefix = text_or_empty(wish, "path");
  while (prefix.ends_with('/')) prefix.pop_back();
  const bool with_status = wish["include_cache_status"] == true;
  std::string data = "[";
  for (const auto& shown : shown_files(context, *fileset)) {
    if (!is_below(shown.file.path, prefix)) continue;
    if (data.size() > 1) data += ',';
    data += dump(without_nulls(file_json(context.workspace(), name, shown.file, with_status ? shown.cache_status : "")));
  }
  Answer answer;
  answer.body = "{\"data\":" + data + "]}";
  return answer;
}

Answer delete_file(Context& context) {
  const auto& name = context.path["name"];
  const auto& path = context.path["tail"];
  if (auto refusal = refuse_path(path)) return *refusal;
  const auto fileset = find_fileset(context, context.workspace(), name);
  if (!fileset) return no_fileset(context.workspace(), name);
  if (is_external(fileset->row)) return detail(400, "The files of fileset " + context.workspace() + "/" + name + " are those of its storage; they cannot be deleted here.");
  const auto file = find_file(context, context.workspace(), name, path);
  if (!file) return no_file(context.workspace(), name, path);
  const auto done = context.submit(context.workspace(), "fileset", name, events::DeleteFile{path});
  if (!done) return from_error(done.error());
  return ok(file_json(context.workspace(), name, *file, ""));
}

}  // namespace

void add_file_listing(Routes& routes, Services&) {
  using enum WorkspaceRule;
  const std::string one = "/apis/files/v2/workspaces/{workspace}/filesets/{name}";
  const auto tag = "files";
  routes.add({.method = "GET", .path = one + "/files", .summary = "List the files of a fileset", .tag = tag, .answer = rows_schema(file_schema()),
              .query = listing_query()}, read,
             list_files);
  routes.add({.method = "DELETE", .path = one + "/-/{tail}", .summary = "Delete a file", .tag = tag, .answer = file_schema()}, read, delete_file);
}

}  // namespace luthier::api
