// Results of jobs: names for what lies in filesets. What a fine-tuning job has made is a result of it, too.
#include <algorithm>

#include "actors/api/answer_schema.hpp"
#include "actors/api/files.hpp"
#include "actors/api/jobs.hpp"
#include "actors/api/jobs_archive.hpp"
#include "actors/api/jobs_view.hpp"
#include "actors/blobs/blob_reader.hpp"
#include "actors/blobs/blob_store.hpp"
#include "actors/rest/names.hpp"

namespace luthier::api {
namespace {

using namespace rest;

// Which routes a request came in by: those of the jobs service, or those of fine-tuning jobs, which know no others.
enum class Door { jobs, customization };

std::string source_of(const FoundJob& job) { return text_or_empty(job.document->body, "source"); }

std::optional<FoundJob> job_at(const Context& context, Door door) {
  auto job = find_job(context);
  if (job && door == Door::customization && (job->is_platform || source_of(*job) != "customization")) return std::nullopt;
  return job;
}

Json shown_result(const Context& context, const FoundJob& job, const Json& result) {
  return {{"name", result["name"]},
          {"job", job.document->body["id"]},
          {"workspace", context.workspace()},
          {"project", job.document->body["project"]},
          {"created_at", http_time(result, "created_at")},
          {"updated_at", http_time(result, "updated_at")},
          {"artifact_url", result["artifact_url"]},
          {"artifact_storage_type", result["artifact_storage_type"]},
          {"download_url", nullptr}};
}

// In the order of their creation, as {"name", "artifact_url", "artifact_storage_type", "created_at", "updated_at"}.
std::vector<Json> results_of(const FoundJob& job) {
  std::vector<Json> all;
  const auto& row = job.row();
  if (job.is_platform) {
    for (const auto& result : row["results"]) all.push_back(result);
    return all;
  }
  if (const auto fileset = text_or_empty(row, "output_fileset"); !fileset.empty())
    all.push_back({{"name", row["output"]}, {"artifact_url", "fileset://" + fileset}, {"artifact_storage_type", "fileset"},
                   {"created_at", row["ended_at"]}, {"updated_at", row["ended_at"]}});
  const auto* details = find_member(row, "details");
  const auto* kept = details ? find_member(*details, "results") : nullptr;
  if (!kept || !kept->is_object()) return all;
  for (const auto& [name, result] : kept->items()) {
    Json shown = result;
    shown["name"] = name;
    all.push_back(std::move(shown));
  }
  return all;
}

std::optional<Json> result_of(const FoundJob& job, const std::string& name) {
  for (auto& result : results_of(job))
    if (result["name"] == name) return std::move(result);
  return std::nullopt;
}

Answer no_result(const FoundJob& job, const std::string& name) { return detail(404, "result " + name + " of job " + job.name() + " not found"); }

// The absolute URL of the request for results, and the name.
std::string download_url(const Context& context, const std::string& name) {
  const auto& request = context.exchange.request;
  const auto* host = request.headers.find("Host");
  const bool is_tls = !context.exchange.options().tls_certificate_file.empty();
  const auto results = std::string_view(request.raw_path);
  const auto end = results.find("/results");
  return std::string(is_tls ? "https://" : "http://") + (host ? *host : "") + std::string(results.substr(0, end)) + "/results/" + name +
         "/download";
}

Json at_door(const Context& context, Door door, Json result) {
  if (door == Door::customization) result["download_url"] = download_url(context, result["name"].get<std::string>());
  return result;
}

std::vector<QueryField> listing_fields() {
  return {{optional("sort", one_of({"created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"}), "created_at"), "the order"}};
}

Schema answer_schema() {
  return object({required("name", text()), required("job", text()), required("workspace", text()), optional("project", text()),
                 optional("created_at", timestamp()), optional("updated_at", timestamp()), required("artifact_url", text()),
                 required("artifact_storage_type", text()), optional("download_url", text())})
      .named("PlatformJobResult");
}

Answer list_results(Context& context, Door door) {
  static const auto fields = listing_fields();
  const auto query = read_query(context.query, fields);
  if (const auto* refusal = std::get_if<Answer>(&query)) return *refusal;
  const auto job = job_at(context, door);
  if (!job) return no_job();
  auto results = results_of(*job);
  const auto sort = std::get<Json>(query)["sort"].get<std::string>();
  const auto field = sort.starts_with('-') ? sort.substr(1) : sort;
  std::stable_sort(results.begin(), results.end(),
                   [&](const Json& a, const Json& b) { return text_or_empty(a, field.c_str()) < text_or_empty(b, field.c_str()); });
  if (sort.starts_with('-')) std::reverse(results.begin(), results.end());
  Json data = Json::array();
  for (const auto& result : results) data.push_back(at_door(context, door, shown_result(context, *job, result)));
  return ok({{"data", std::move(data)}});
}

Answer show_result(Context& context, Door door) {
  const auto job = job_at(context, door);
  if (!job) return no_job();
  const auto result = result_of(*job, context.path["result"]);
  return result ? ok(at_door(context, door, shown_result(context, *job, *result))) : no_result(*job, context.path["result"]);
}

Schema result_schema() {
  return object({required("artifact_url", text().length(1, 2048)), required("artifact_storage_type", one_of({"fileset"}))}).named("CreateJobResult");
}

// A fine-tuning job keeps them among its details.
Result<Done> keep_with_training(const Context& context, const FoundJob& job, const std::string& name, const Json& wish) {
  const auto now = format_time(context.services.platform.now());
  const auto before = result_of(job, name);
  Json result{{"artifact_url", wish["artifact_url"]}, {"artifact_storage_type", wish["artifact_storage_type"]},
              {"created_at", before ? (*before)["created_at"] : Json(now)}, {"updated_at", now}};
  Json results = Json::object();
  results[name] = std::move(result);
  return context.submit(context.workspace(), "job", job.name(), events::UpdateJob{{dump(Json{{"results", std::move(results)}})}});
}

Answer put_result(Context& context) {
  static const Schema schema = result_schema();
  static const Schema name_schema = request_name();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& name = context.path["result"];
  const auto fit = validated(name_schema, name, Json::array({"path", "name"}));
  if (const auto* refusal = std::get_if<Answer>(&fit)) return *refusal;
  auto job = find_job(context);
  if (!job) return no_job();
  const auto& wish = std::get<Json>(body);
  const auto done = job->is_platform ? context.submit(context.workspace(), "platform_job", job->name(),
                                                      events::PutJobResult{name, text_or_empty(wish, "artifact_url"), "fileset"})
                                     : keep_with_training(context, *job, name, wish);
  if (!done) return refused(done.error());
  job = find_job(context);
  const auto result = job ? result_of(*job, name) : std::nullopt;
  return result ? created(shown_result(context, *job, *result)) : no_job();
}

// ------------------------------------------------------------------------------------------------------------- download

struct Artifact {
  std::string workspace, fileset, path;  // the path is empty: all of it
};

// "fileset://ws/name#path", without the scheme, without the path, or with the path after a slash.
Artifact artifact_of(std::string url, const std::string& workspace) {
  constexpr std::string_view scheme = "fileset://";
  if (url.starts_with(scheme)) url.erase(0, scheme.size());
  Artifact artifact;
  if (const auto hash = url.find('#'); hash != url.npos) {
    artifact.path = url.substr(hash + 1);
    url.resize(hash);
  }
  const auto slash = url.find('/');
  artifact.workspace = slash == url.npos ? workspace : url.substr(0, slash);
  artifact.fileset = slash == url.npos ? url : url.substr(slash + 1);
  if (const auto more = artifact.fileset.find('/'); more != artifact.fileset.npos) {
    if (artifact.path.empty()) artifact.path = artifact.fileset.substr(more + 1);
    artifact.fileset.resize(more);
  }
  while (artifact.path.ends_with('/')) artifact.path.pop_back();
  return artifact;
}

struct Found {
  events::File file;
  std::string path;  // in the archive
};

// The first bytes of each file before the head of the answer would take too long: what cannot be read breaks the answer off.
void send_archive(Context& context, const std::string& name, const std::vector<Found>& files) {
  std::vector<ArchiveFile> parts;
  for (const auto& found : files) parts.push_back({found.path, found.file.size});
  auto& exchange = context.exchange;
  const gateway::HttpHeaders::Entries headers{{"Content-Type", "application/octet-stream"},
                                              {"Content-Disposition", "attachment; filename=\"" + name + ".tar.gz\""},
                                              {"X-Request-Id", context.request_id}};
  if (!exchange.begin(200, headers, archive_length(parts)) || exchange.request.method == "HEAD") return;
  ArchiveWriter writer(parts, [&](std::string_view bytes) { return exchange.write(bytes); });
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& file = files[i].file;
    auto reader = context.services.blobs->reader(file.digest);
    if (!reader) return exchange.abort();
    if (!writer.begin(parts[i])) return;
    for (std::int64_t at = 0; at < file.size;) {
      const auto piece = reader->read(at, static_cast<std::size_t>(file.size - at));
      if (!piece || piece->empty()) return exchange.abort();
      if (!writer.write(*piece)) return;
      at += static_cast<std::int64_t>(piece->size());
    }
  }
  if (writer.end()) exchange.end();
}

void download_result(Context& context, Door door) {
  const auto job = job_at(context, door);
  if (!job) return send(context, no_job());
  const auto& name = context.path["result"];
  const auto result = result_of(*job, name);
  if (!result) return send(context, no_result(*job, name));
  const auto artifact = artifact_of(text_or_empty(*result, "artifact_url"), context.workspace());
  const auto url = text_or_empty(*result, "artifact_url");
  const auto nothing = detail(404, "what result " + name + " of job " + job->name() + " names is not found: " + url);
  const auto fileset = context.sees_workspace(artifact.workspace) ? find_fileset(context, artifact.workspace, artifact.fileset) : nullptr;
  if (!fileset || is_external(fileset->row)) return send(context, nothing);
  if (const auto file = artifact.path.empty() ? std::nullopt : find_file(context, artifact.workspace, artifact.fileset, artifact.path))
    return send_file(context, *file);
  const std::string prefix = artifact.path.empty() ? "" : artifact.path + "/";
  std::vector<Found> files;
  for (auto& file : files_of(context, artifact.workspace, artifact.fileset))
    if (file.path.starts_with(prefix)) {
      const auto path = name + "/" + file.path.substr(prefix.size());
      files.push_back({std::move(file), path});
    }
  if (files.empty()) return send(context, nothing);
  send_archive(context, name, files);
}

void add_reading(Routes& routes, const std::string& job, Door door, const char* tag) {
  using enum WorkspaceRule;
  const std::string all = job + "/results", one = all + "/{result}";
  routes.add({.method = "GET", .path = all, .summary = "List the results of a job", .tag = tag, .answer = rows_schema(answer_schema()),
              .query = listing_fields(), .errors = {404}}, read,
             [door](Context& context) { return list_results(context, door); });
  routes.add({.method = "GET", .path = one, .summary = "Show a result", .tag = tag, .answer = answer_schema(), .errors = {404}}, read,
             [door](Context& context) { return show_result(context, door); });
  routes.add_stream({.method = "GET", .path = one + "/download", .summary = "A file, or a directory as .tar.gz", .tag = tag, .answer = bytes_schema(), .errors = {416},
                     .answer_type = "application/octet-stream", .others = {{206, bytes_schema(), "application/octet-stream"}}},
                    read, auth::Action::read, [door](Context& context) { download_result(context, door); });
}

}  // namespace

void add_job_results(Routes& routes) {
  const std::string job = std::string(jobs_root) + "/{name}";
  add_reading(routes, job, Door::jobs, "jobs");
  routes.add({.method = "POST", .path = job + "/results/{result}", .summary = "Name a result of a job", .tag = "jobs",
              .body = result_schema(), .answer = answer_schema(), .success = 201, .errors = {404}}, WorkspaceRule::read, put_result);
  for (const auto* prefix : {"", "/automodel", "/unsloth"})
    add_reading(routes, std::string("/apis/customization/v2/workspaces/{workspace}") + prefix + "/jobs/{name}", Door::customization, "customization");
}

}  // namespace luthier::api
