// The end of a job with a result: its files become a fileset, and the fileset an adapter or a model, in one decision.
#include <algorithm>
#include <cctype>
#include <cmath>

#include "events/fileset/rules.hpp"
#include "events/job/config.hpp"
#include "events/job/rules.hpp"
#include "events/json/value.hpp"
#include "events/model/rules.hpp"
#include "events/record/key.hpp"

namespace luthier::events {
namespace {

Result<void> check_summary(const TrainingSummary& summary) {
  const auto finite = [](double number, const char* field) -> Result<void> {
    if (!std::isfinite(number)) return invalid(std::string(field) + ": a finite number is needed", field);
    return {};
  };
  if (auto ok = finite(summary.first_loss, "data.summary.first_loss"); !ok) return ok;
  if (auto ok = finite(summary.final_loss, "data.summary.final_loss"); !ok) return ok;
  if (auto ok = finite(summary.seconds, "data.summary.seconds"); !ok) return ok;
  return finite(summary.validation_loss.value_or(0), "data.summary.validation_loss");
}

// What the job was promised, or the name of the output; where a fileset has it already, with a part of the job's id behind it.
std::string free_fileset_name(const World& world, const JobState& job, const Limits& limits) {
  for (const std::string* wanted : {&job.output_fileset, &job.output})
    if (!wanted->empty() && !world.stream_of("fileset", job.workspace, *wanted)) return *wanted;
  std::string id = job.id.substr(job.id.rfind('-') + 1);
  std::transform(id.begin(), id.end(), id.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (std::size_t length = 8;; ++length) {
    const std::string suffix = "-" + id.substr(0, length);
    std::string stem = job.output.substr(0, limits.name_bytes_max - suffix.size());
    while (stem.ends_with('-')) stem.pop_back();
    const std::string name = stem + suffix;
    if (length >= id.size() || !world.stream_of("fileset", job.workspace, name)) return name;
  }
}

// The files, as the fact of an output refers to them.
struct Content {
  std::string fileset, fileset_id;  // "ws/name"
  std::int64_t version = 0;
};

Content content_of(const JobState& job, const Facts& files) {
  return {job.workspace + "/" + files[0].name, files[0].stream.id, static_cast<std::int64_t>(files.size())};
}

std::string description_of(const JobState& job) { return "Customized model from job " + reference_to(job); }

// How the weights came about, as the details of a model say it where it is not the usual way.
Facts model_of(const World& world, const Request& request, const JobState& job, const Content& content, bool is_merged, const Limits& limits) {
  const ModelState* before = find(world.models, {job.workspace, job.output});
  Facts facts;
  if (before)
    facts.push_back(fact_of(*before, ModelUpdated{content.fileset, content.fileset_id, description_of(job)}));
  else
    facts.push_back(opening_fact(request, job.workspace, job.output,
                                 ModelCreated{content.fileset, content.fileset_id, description_of(job), job.model, reference_to(job)}));
  if (!before && !is_merged) return facts;
  const JsonText type{is_merged ? R"({"finetuning_type":"lora_merged"})" : R"({"finetuning_type":"all_weights"})"};
  const JsonText known = before ? before->details : JsonText{"{}"};
  if (auto details = patched_details(known, type, limits); details && *details != known)
    facts.push_back({facts[0].stream, job.workspace, job.output, ModelDetailsSet{std::move(*details)}});
  return facts;
}

Facts adapter_of(const Request& request, const JobState& job, const ModelState& base, const Content& content, const LoraShape& lora) {
  const auto reference = short_reference({job.workspace, job.output}, base.workspace);
  if (const auto before = base.adapters.find(reference); before != base.adapters.end()) {
    Facts facts{fact_of(base, AdapterUpdated{reference, content.fileset, content.fileset_id, description_of(job), content.version, lora})};
    if (!before->second.enabled) facts.push_back(fact_of(base, AdapterEnabled{reference}));
    return facts;
  }
  AdapterCreated created;
  created.adapter = reference;
  created.adapter_id = derive_entity_id("adapter", request.key);
  created.fileset = content.fileset;
  created.fileset_id = content.fileset_id;
  created.fileset_version = content.version;
  created.description = description_of(job);
  created.lora = lora;
  created.created_by_job = reference_to(job);
  return {fact_of(base, created)};
}

Facts new_fileset(const Request& request, const JobState& job, const std::string& name, const std::vector<File>& files) {
  Facts facts{opening_fact(request, job.workspace, name,
                           FilesetCreated{"Output of job " + reference_to(job), "model", reference_to(job)})};
  for (const File& file : files) facts.push_back({facts[0].stream, job.workspace, name, FilePut{file}});
  return facts;
}

// A config's record keeps its versions in order: {"versions":[{"entity_version":1,…},…]}.
std::int64_t latest_version(const JsonText& config) {
  const auto data = json::parse(config.text);
  const auto* versions = data ? data->find("versions") : nullptr;
  if (!versions || !versions->array() || versions->array()->empty()) return 1;
  const auto* version = versions->array()->back().find("entity_version");
  const auto* number = version ? std::get_if<std::int64_t>(&version->held) : nullptr;
  return number ? *number : 1;
}

bool is_active(const DeploymentState& deployment) {
  return deployment.phase != DeploymentPhase::failed && deployment.phase != DeploymentPhase::deleting;
}

// What the job was asked to serve at its end. A name that is taken, or a model that is served already, leaves things as they are:
// the result is there either way.
void add_deployment(const World& world, const Request& request, const JobState& job, Facts& facts, const Limits& limits) {
  const bool is_adapter = job.method == "lora";
  const std::string model = is_adapter ? job.model : job.workspace + "/" + job.output;
  std::string model_id = job.model_id;
  if (!is_adapter)
    for (const Fact& fact : facts)
      if (fact.stream.entity == "model") model_id = fact.stream.id;
  for (const auto& [name, deployment] : world.deployments)
    if (deployment.model_id == model_id && is_active(deployment)) return;
  const WishedDeployment& wish = *job.deploy;
  if (auto ok = check_new_name(world, "deployment", job.workspace, wish.name, "", limits); !ok) return;
  const std::string config = RecordKey{"deployment_config", "", wish.config}.text();
  const auto known = world.records.find({job.workspace, config});
  const auto version = latest_version(known != world.records.end() ? known->second.data : wish.config_data);
  if (wish.config_data.text != "null" && known == world.records.end())
    facts.push_back({{"record", derive_entity_id("model-deployment-config", request.key)}, job.workspace, config,
                     RecordCreated{"", wish.config_data}});
  const StreamKey stream{"deployment", derive_entity_id("deployment", request.key)};
  facts.push_back({stream, job.workspace, wish.name, DeploymentCreated{model, model_id, "Deployed by job " + reference_to(job), wish.lora_enabled}});
  facts.push_back({stream, job.workspace, wish.name, DeploymentDetailsSet{{R"({"config":")" + wish.config + R"(","config_version":)" + std::to_string(version) + "}"}}});
}

}  // namespace

Decision decide(const World& world, const Request& request, const CompleteAttempt& complete, const Limits& limits) {
  const auto found = reported_job(world, request, complete.attempt);
  if (!found) return found.error();
  const JobState& job = **found;
  if (job.phase == JobPhase::placed) return conflict("attempt " + std::to_string(complete.attempt) + " has not begun");
  if (job.phase == JobPhase::cancelling) return Facts{fact_of(job, JobCancelled{job.reason})};  // its output is not wanted
  if (complete.files.empty()) return invalid("data.files: a result has at least one file", "data.files");
  if (auto ok = check_files(complete.files, "data.files", limits); !ok) return ok.error();
  if (auto ok = check_summary(complete.summary); !ok) return ok.error();
  const auto model = existing_model(world, job.model, job.workspace, "");
  if (!model || (*model)->id != job.model_id)
    return Facts{fact_of(job, JobFailed{job.attempt, "failed", "model " + job.model + " has been deleted"})};
  if (const ModelState* taken = find(world.models, {job.workspace, job.output}); taken && job.method == "full")
    if (const auto user = user_of_model(world, taken->id); !user.empty())
      return Facts{fact_of(job, JobFailed{job.attempt, "failed", "model " + reference_to(*taken) + " is in use by " + user})};
  const auto method = method_of(job.config);
  if (!method) return method.error();

  const Facts files = new_fileset(request, job, free_fileset_name(world, job, limits), complete.files);
  const Content content = content_of(job, files);
  const std::string output = job.workspace + "/" + job.output;
  const Facts made = method->lora ? adapter_of(request, job, **model, content, *method->lora)
                                   : model_of(world, request, job, content, method->is_merged, limits);
  Facts facts{fact_of(job, JobStepFinished{job.attempt, "train"})};
  facts.insert(facts.end(), files.begin(), files.end());
  facts.push_back(fact_of(job, JobStepFinished{job.attempt, "upload"}));
  facts.insert(facts.end(), made.begin(), made.end());
  facts.push_back(fact_of(job, JobStepFinished{job.attempt, "create_entity"}));
  if (job.deploy) add_deployment(world, request, job, facts, limits);
  facts.push_back(fact_of(job, JobCompleted{job.attempt, output, method->lora ? "adapter" : "model", content.fileset, complete.summary}));
  return facts;
}

}  // namespace luthier::events
