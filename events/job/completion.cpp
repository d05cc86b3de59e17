// The end of a job with a result: its files become a fileset, and the fileset an adapter or a model, in one decision.
#include <algorithm>
#include <cctype>
#include <cmath>

#include "events/fileset/rules.hpp"
#include "events/job/config.hpp"
#include "events/job/rules.hpp"

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

// The name of the output; where a fileset has it already, with a part of the job's id behind it.
std::string free_fileset_name(const World& world, const JobState& job, const Limits& limits) {
  if (!world.stream_of("fileset", job.workspace, job.output)) return job.output;
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

Fact output_of(const Request& request, const JobState& job, const ModelState& base, const Facts& files, const TrainingMethod& method) {
  const std::string from = reference_to(job), fileset = job.workspace + "/" + files[0].name;
  const std::string description = "Customized model from job " + from;
  if (!method.lora)
    return opening_fact(request, job.workspace, job.output,
                        ModelCreated{fileset, files[0].stream.id, description, job.model, from});
  AdapterCreated created;
  created.adapter = job.output;
  created.adapter_id = derive_entity_id("adapter", request.key);
  created.fileset = fileset;
  created.fileset_id = files[0].stream.id;
  created.fileset_version = static_cast<std::int64_t>(files.size());
  created.description = description;
  created.lora = *method.lora;
  created.created_by_job = from;
  return fact_of(base, created);
}

Facts new_fileset(const Request& request, const JobState& job, const std::string& name, const std::vector<File>& files) {
  Facts facts{opening_fact(request, job.workspace, name,
                           FilesetCreated{"Output of job " + reference_to(job), "model", reference_to(job)})};
  for (const File& file : files) facts.push_back({facts[0].stream, job.workspace, name, FilePut{file}});
  return facts;
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
  const auto method = method_of(job.config);
  if (!method) return method.error();

  const Facts files = new_fileset(request, job, free_fileset_name(world, job, limits), complete.files);
  const std::string output = job.workspace + "/" + job.output, fileset = job.workspace + "/" + files[0].name;
  Facts facts{fact_of(job, JobStepFinished{job.attempt, "train"})};
  facts.insert(facts.end(), files.begin(), files.end());
  facts.push_back(fact_of(job, JobStepFinished{job.attempt, "upload"}));
  facts.push_back(output_of(request, job, **model, files, *method));
  facts.push_back(fact_of(job, JobStepFinished{job.attempt, "create_entity"}));
  facts.push_back(fact_of(job, JobCompleted{job.attempt, output, method->lora ? "adapter" : "model", fileset, complete.summary}));
  return facts;
}

}  // namespace luthier::events
