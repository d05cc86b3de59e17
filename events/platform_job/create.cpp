// The beginning and the end of a platform job: its name, its steps, its fileset.
#include <set>

#include "events/fileset/rules.hpp"
#include "events/json/value.hpp"
#include "events/platform_job/rules.hpp"
#include "events/record/key.hpp"

namespace luthier::events {
namespace {

constexpr std::size_t steps_max = 100;

Result<JsonText> object_of(const JsonText& text, const std::string& field, const Limits& limits) {
  auto canonical = json::canonical(text.text, {.bytes_max = limits.document_bytes_max, .depth_max = limits.document_depth_max});
  if (!canonical) return invalid(field + ": " + canonical.error().message, field);
  if (!canonical->text.starts_with('{')) return invalid(field + ": an object is needed", field);
  return canonical;
}

// The names of the steps, in their order.
Result<std::vector<std::string>> steps_of(const JsonText& platform_spec) {
  const std::string field = "data.platform_spec.steps";
  const auto spec = json::parse(platform_spec.text);
  const auto* steps = spec ? spec->find("steps") : nullptr;
  if (!steps || !steps->array() || steps->array()->empty()) return invalid(field + ": a list of at least one step is needed", field);
  if (steps->array()->size() > steps_max)
    return Error{ErrorCode::limit, field + ": has " + std::to_string(steps->array()->size()) + " steps; at most " + std::to_string(steps_max), field};
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const auto& step : *steps->array()) {
    const auto* name = step.find("name");
    if (!name || !name->text()) return invalid(field + ": each step needs a name", field);
    if (!is_name(*name->text())) return invalid(field + ": \"" + name->text()->substr(0, 100) + "\" is no name of a step", field);
    if (!seen.insert(*name->text()).second) return invalid(field + ": \"" + *name->text() + "\" is there twice", field);
    names.push_back(*name->text());
  }
  return names;
}

Result<void> check_project(const World& world, const std::string& workspace, const std::string& project) {
  if (project.empty() || world.records.contains({workspace, RecordKey{"project", "", project}.text()})) return {};
  return invalid("project " + project.substr(0, 255) + " does not exist", "data.project");
}

std::string fileset_name(const std::string& job) { return "job-fileset-" + job; }

// The facts of the job's own fileset, which its runner may write to. None when there can be none: a job whose name is long has no room for
// it, and one that somebody else has made is used as it is.
Facts fileset_for(const World& world, const Request& request, const Limits& limits) {
  Request wish = request;
  wish.entity = "fileset";
  wish.name = fileset_name(request.name);
  auto facts = decide(world, wish, CreateFileset{"Files of job " + request.name, "generic", {}}, limits);
  return facts ? std::move(*facts) : Facts();
}

}  // namespace

Result<void> check_new_job_name(const World& world, const std::string& entity, const std::string& workspace, const std::string& name,
                                const Limits& limits) {
  const std::string other = entity == "job" ? "platform_job" : "job";
  if (world.stream_of(other, workspace, name)) return conflict(title_of("job", {workspace, name}) + " already exists", "name");
  if (entity == "platform_job" && world.stream_of(entity, workspace, name))
    return conflict(title_of("job", {workspace, name}) + " already exists", "name");
  return check_new_name(world, entity, workspace, name, "name", limits);
}

Decision decide(const World& world, const Request& request, const CreatePlatformJob& create, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  if (auto ok = check_new_job_name(world, "platform_job", workspace, request.name, limits); !ok) return ok.error();
  if (auto ok = check_description(create.description, limits); !ok) return ok.error();
  if (auto ok = check_project(world, workspace, create.project); !ok) return ok.error();
  auto spec = object_of(create.spec, "data.spec", limits);
  if (!spec) return spec.error();
  auto platform_spec = object_of(create.platform_spec, "data.platform_spec", limits);
  if (!platform_spec) return platform_spec.error();
  auto steps = steps_of(*platform_spec);
  if (!steps) return steps.error();
  auto details = checked_details(create.details, limits);
  if (!details) return details.error();
  auto fileset = fileset_for(world, request, limits);
  const StreamKey stream{"platform_job", derive_entity_id("platform-job", request.key)};
  const std::string first = steps->front();
  Facts facts{{stream, workspace, request.name,
               PlatformJobCreated{readable(create.source, limits), create.description, create.project, std::move(*steps), std::move(*spec),
                                  std::move(*platform_spec), std::move(*details), fileset.empty() ? "" : fileset.front().stream.id}},
              {stream, workspace, request.name, PlatformStepCreated{first}}};
  facts.insert(facts.end(), std::make_move_iterator(fileset.begin()), std::make_move_iterator(fileset.end()));
  return facts;
}

Decision decide(const World& world, const Request& request, const DeletePlatformJob&, const Limits& limits) {
  const auto found = target(world.platform_jobs, request);
  if (!found) return found.error();
  const PlatformJobState& job = **found;
  Facts facts{fact_of(job, PlatformJobDeleted{})};
  const FilesetState* fileset = find(world.filesets, {job.workspace, fileset_name(job.name)});
  if (!fileset || fileset->id != job.fileset_id) return facts;
  Request wish = request;
  wish.entity = "fileset";
  wish.name = fileset->name;
  // One that a model needs by now stays.
  if (auto removed = decide(world, wish, DeleteFileset{}, limits)) facts.insert(facts.end(), removed->begin(), removed->end());
  return facts;
}

}  // namespace luthier::events
