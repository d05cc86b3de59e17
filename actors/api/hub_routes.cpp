// Filesets for Hugging Face's clients: with HF_ENDPOINT=<base>/apis/files/v2/hf, "workspace/name" is a repository, of models and of
// datasets alike. Any revision is the present one.
#include "actors/api/answer_schema.hpp"
#include "actors/api/files.hpp"
#include "actors/api/hub_repository.hpp"

namespace luthier::api {
namespace {

using namespace rest;

// These clients tell what is missing by a header.
Answer missing(const char* code, const std::string& message) {
  auto answer = detail(404, message);
  answer.headers.emplace_back("X-Error-Code", code);
  return answer;
}
Answer no_repository(const Context& context) {
  return missing("RepoNotFound", "fileset " + context.workspace() + "/" + context.path["name"] + " not found");
}
Answer no_entry(const Context& context, const std::string& path) {
  return missing("EntryNotFound", "file " + path + " not found in fileset " + context.workspace() + "/" + context.path["name"]);
}

DocumentPointer repository(const Context& context) {
  if (!context.sees_workspace(context.workspace())) return nullptr;
  return find_fileset(context, context.workspace(), context.path["name"]);
}

std::string present_commit(const Document& fileset) {
  return commit_of(text_or_empty(fileset.row, "name"), text_or_empty(fileset.body, "updated_at"));
}

std::vector<events::File> all_files(const Context& context, const Document& fileset) {
  std::vector<events::File> files;
  for (const auto& shown : shown_files(context, fileset)) files.push_back(shown.tagged());
  return files;
}

Answer show_repository(Context& context) {
  const auto fileset = repository(context);
  if (!fileset) return no_repository(context);
  Json siblings = Json::array();
  for (const auto& file : all_files(context, *fileset)) siblings.push_back({{"rfilename", file.path}, {"size", file.size}});
  const auto id = context.workspace() + "/" + context.path["name"];
  return ok({{"id", id},
             {"modelId", id},
             {"sha", present_commit(*fileset)},
             {"lastModified", fileset->row["updated_at"]},
             {"private", false},
             {"tags", Json::array()},
             {"siblings", std::move(siblings)}});
}

Schema repository_schema() {
  const auto sibling = object({required("rfilename", text()), required("size", integer().at_least(0))});
  return object({required("id", text()), required("modelId", text()), required("sha", text()), required("lastModified", timestamp()),
                 required("private", boolean()), required("tags", list_of(text())), required("siblings", list_of(sibling))})
      .named("HubRepository");
}

Schema entry_schema() {
  return object({required("type", one_of({"file", "directory"})), required("oid", text()), required("size", integer().at_least(0)), required("path", text())})
      .named("HubEntry");
}

std::vector<QueryField> tree_query() { return {{maybe("recursive", boolean()), "false: one level, with directories"}}; }

// Without the parameter the contract lists all files; with it, it means what it does on the hub.
Answer show_tree(Context& context) {
  static const auto fields = tree_query();
  const auto query = read_query(context.query, fields);
  if (const auto* refusal = std::get_if<Answer>(&query)) return *refusal;
  const auto* recursive = find_member(std::get<Json>(query), "recursive");
  const auto fileset = repository(context);
  if (!fileset) return no_repository(context);
  std::string directory = context.path["tail"];
  while (directory.ends_with('/')) directory.pop_back();
  const auto tree = tree_of(context.path["name"], all_files(context, *fileset), directory, !recursive || *recursive == true, recursive != nullptr);
  return tree.is_there ? ok(tree.rows) : no_entry(context, directory);
}

Schema paths_schema() { return object({required("paths", list_of(text())), optional("expand", boolean(), false)}).named("PathsInfo"); }

Answer show_paths(Context& context) {
  static const Schema schema = paths_schema();
  std::vector<std::string> paths;
  const auto* type = context.exchange.request.headers.find("Content-Type");
  if (type && type->starts_with("application/x-www-form-urlencoded")) {  // as the hub's own client sends it
    const auto form = context.exchange.body().read_all();
    if (!form) return form.error().code == ErrorCode::limit ? detail(413, form.error().message) : detail(408, "the body did not arrive whole");
    paths = form_values(*form, "paths");
  } else {
    const auto body = context.body(schema);
    if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
    paths = std::get<Json>(body)["paths"].get<std::vector<std::string>>();
  }
  const auto fileset = repository(context);
  if (!fileset) return no_repository(context);
  return ok(paths_info(context.path["name"], all_files(context, *fileset), paths));
}

void resolve(Context& context) {
  const auto fileset = repository(context);
  if (!fileset) return send(context, no_repository(context));
  const auto& path = context.path["tail"];
  if (auto refusal = refuse_path(path)) return send(context, *refusal);
  const auto file = shown_file(context, *fileset, path);
  if (!file) {
    auto answer = no_entry(context, path);
    answer.headers.emplace_back("X-Repo-Commit", present_commit(*fileset));
    return send(context, answer);
  }
  send_file(context, *fileset, *file,
            {{"X-Repo-Commit", present_commit(*fileset)}, {"ETag", "\"" + tag_of(context.path["name"], file->tagged()) + "\""}});
}

}  // namespace

void add_hub_routes(Routes& routes, Services&) {
  using enum WorkspaceRule;
  const std::string hub = "/apis/files/v2/hf";
  const auto tag = "hub";
  for (const std::string kind : {"models", "datasets"}) {
    const std::string files = kind == "models" ? hub + "/{workspace}/{name}" : hub + "/datasets/{workspace}/{name}";
    const std::string about = hub + "/api/" + kind + "/{workspace}/{name}";
    routes.add_stream({.method = "GET", .path = files + "/resolve/{revision}/{tail}", .summary = "Download a file as the hub's clients do", .tag = tag,
                       .answer = bytes_schema(), .errors = {404, 416}, .answer_type = "application/octet-stream",
                       .others = {{206, bytes_schema(), "application/octet-stream"}}},
                      none, auth::Action::read, resolve);
    for (const auto* end : {"", "/revision/{revision}"})
      routes.add({.method = "GET", .path = about + end, .summary = "A fileset as a repository", .tag = tag, .answer = repository_schema(), .errors = {404}}, none, show_repository);
    for (const auto* end : {"", "/{tail}"})
      routes.add({.method = "GET", .path = about + "/tree/{revision}" + end, .summary = "The files of a repository", .tag = tag,
                  .answer = list_of(entry_schema()), .query = tree_query(),
                  .errors = {404}}, none, show_tree);
    routes.add({.method = "POST", .path = about + "/paths-info/{revision}", .summary = "Some files of a repository", .tag = tag, .body = paths_schema(),
                .answer = list_of(entry_schema()), .errors = {404}}, none, auth::Action::read, show_paths);
  }
}

}  // namespace luthier::api
