#include "actors/core/preparer_actor.hpp"

#include <algorithm>
#include <caf/all.hpp>
#include <map>

#include "actors/core/fleet.hpp"
#include "actors/core/follow.hpp"
#include "actors/core/messages.hpp"
#include "events/json/value.hpp"
#include "events/world/rules.hpp"

namespace luthier::core {
namespace {

using namespace events;

std::string text_member(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  const auto* text = member ? member->text() : nullptr;
  return text ? *text : "";
}

// Files may still be on their way from where the fileset was told to get them. nullopt: all are here.
std::optional<std::variant<NotYet, Never>> import_of(const FilesetState& fileset) {
  const auto details = json::parse(fileset.details.text);
  const auto* import = details ? details->find("import") : nullptr;
  if (!import || !import->object()) return std::nullopt;
  const auto state = text_member(*import, "state");
  if (state == "complete") return std::nullopt;
  const std::string title = "fileset " + reference_to(fileset);
  if (state == "failed" || state == "error") {
    const auto why = text_member(*import, "error");
    return Never{"the files of " + title + " could not be fetched" + (why.empty() ? "" : ": " + why)};
  }
  if (state == "cancelled")
    return Never{"the import of the files of " + title + " was cancelled; delete the fileset and create it anew, and then the job"};
  return NotYet{"the files of " + title + " are being fetched"};
}

std::vector<File> files_of(const FilesetState& fileset) {
  std::vector<File> files;
  for (const auto& [path, file] : fileset.files) files.push_back(file);
  return files;
}

// Of one model or fileset; or why it cannot be read now.
using Readable = std::variant<const FilesetState*, NotYet, Never>;

const FilesetState* find_fileset(const World& world, const std::string& reference, const std::string& workspace) {
  const auto name = parse_reference(reference, workspace);
  return name ? find(world.filesets, *name) : nullptr;
}

std::vector<Device> devices_of(const World& world) {
  std::vector<Device> devices;
  for (const auto& [name, worker] : world.workers)
    if (worker.present) devices.insert(devices.end(), worker.devices.begin(), worker.devices.end());
  return devices;
}

using Gathered = std::variant<Preparation, NotYet, Never>;

Gathered not_gathered(const Readable& readable) {
  if (const auto* wait = std::get_if<NotYet>(&readable)) return *wait;
  return std::get<Never>(readable);
}

Readable readable(const FilesetState& fileset) {
  if (auto importing = import_of(fileset)) return std::visit([](auto&& why) { return Readable(std::move(why)); }, std::move(*importing));
  return &fileset;
}

// The fileset of a model, once its checkpoint has been read.
Readable checkpoint_of(const World& world, const JobState& job, const std::string& name, const std::string& id) {
  const auto model = existing_model(world, name, job.workspace, "");
  if (!model || (*model)->id != id) return Never{"model " + name + " has been deleted since the job was submitted"};
  const auto* files = find_fileset(world, (*model)->fileset, (*model)->workspace);
  if (!files || files->id != (*model)->fileset_id) return Never{"the fileset of model " + name + " has been deleted"};
  if (auto here = readable(*files); !std::holds_alternative<const FilesetState*>(here)) return here;
  if (const auto ok = check_analysed(world, **model); !ok) {
    if (ok.error().code == ErrorCode::conflict) return NotYet{ok.error().message};
    return Never{ok.error().message};
  }
  return files;
}

std::optional<Gathered> add_model(const World& world, const JobState& job, Preparation& preparation) {
  const auto found = checkpoint_of(world, job, job.model, job.model_id);
  const auto* files = std::get_if<const FilesetState*>(&found);
  if (!files) return not_gathered(found);
  preparation.model_id = job.model_id;
  preparation.model_fileset_id = (*files)->id;
  preparation.model_files = files_of(**files);
  return std::nullopt;
}

std::optional<Gathered> add_teacher(const World& world, const JobState& job, Preparation& preparation) {
  if (!job.teacher) return std::nullopt;
  const auto found = checkpoint_of(world, job, job.teacher->model, job.teacher->model_id);
  const auto* files = std::get_if<const FilesetState*>(&found);
  if (!files) return not_gathered(found);
  preparation.teacher = JobTeacher{job.teacher->model, job.teacher->model_id, (*files)->id, files_of(**files)};
  return std::nullopt;
}

std::optional<Gathered> add_dataset(const World& world, const JobState& job, Preparation& preparation) {
  const auto* dataset = find_fileset(world, job.dataset, job.workspace);
  if (!dataset || dataset->id != job.inputs.dataset_fileset_id)
    return Never{"fileset " + job.dataset + " has been deleted since the job was submitted"};
  if (const auto here = readable(*dataset); !std::holds_alternative<const FilesetState*>(here)) return not_gathered(here);
  preparation.dataset_fileset_id = dataset->id;
  preparation.dataset_files = files_of(*dataset);
  const auto how = json::parse(job.preparation.text);
  const std::string reference = how ? text_member(*how, "validation") : "";
  if (reference.empty()) return std::nullopt;
  const auto* validation = find_fileset(world, reference, job.workspace);
  if (!validation) return Never{"fileset " + reference + " with the validation rows has been deleted"};
  if (const auto here = readable(*validation); !std::holds_alternative<const FilesetState*>(here)) return not_gathered(here);
  preparation.has_validation_fileset = true;
  preparation.validation_files = files_of(*validation);
  return std::nullopt;
}

bool may_unblock(const Fact& fact) {
  return fact.stream.entity == "job" || fact.stream.entity == "model" || std::holds_alternative<FilesetDetailsSet>(fact.event);
}

class Preparer {
 public:
  Preparer(caf::event_based_actor* self, JobPreparer* preparer, caf::actor entity, Settings settings, Follower follower)
      : self_(self), preparer_(preparer), entity_(std::move(entity)), settings_(settings), follower_(std::move(follower)) {}

  void committed(const Commit& commit) {
    if (!apply_or_quit(self_, follower_, commit)) return;
    if (std::any_of(commit.facts.begin(), commit.facts.end(), may_unblock)) look();
  }

  void tick() {
    self_->delayed_send(self_, settings_.plan_interval, Tick{});
    look();
  }

 private:
  // One job at a time, the oldest first; one that waits for its files holds up nobody.
  void look() {
    if (busy_ || follower_.applied < decided_at_) return;
    std::vector<const JobState*> waiting;
    for (const auto& name : follower_.world.open_jobs)
      if (const auto& job = follower_.world.jobs.at(name); job.phase == JobPhase::checking) waiting.push_back(&job);
    std::sort(waiting.begin(), waiting.end(), [](const JobState* a, const JobState* b) { return a->queued_order < b->queued_order; });
    for (const auto* job : waiting) {
      if (const auto refused = refused_.find(job->id); refused != refused_.end()) return reject(*job, refused->second);
      auto gathered = gather_preparation(follower_.world, *job);
      if (std::holds_alternative<NotYet>(gathered)) continue;
      if (const auto* never = std::get_if<Never>(&gathered)) return reject(*job, never->why);
      return prepare(*job, std::get<Preparation>(gathered));
    }
    refused_.clear();
  }

  void prepare(const JobState& job, const Preparation& preparation) {
    auto prepared = preparer_->prepare(preparation);
    if (!prepared && prepared.error().code == ErrorCode::cancelled) return;  // this process ends; the next one prepares it
    if (!prepared) return reject(job, prepared.error().message);
    if (!prepared->warnings.empty()) send(job, "warn", UpdateJob{{warnings_patch(prepared->warnings)}});
    send(job, "prepare", std::move(prepared->command));
  }

  void reject(const JobState& job, const std::string& why) { send(job, "reject", RejectJob{why}); }

  static std::string warnings_patch(const std::vector<std::string>& warnings) {
    json::Array list;
    for (const auto& warning : warnings) list.push_back({warning});
    std::string text;
    json::append(text, json::Value{json::Object{{"preparation_warnings"}, {{std::move(list)}}}});
    return text;
  }

  void send(const JobState& job, const std::string& verb, Command command) {
    const bool decides = verb != "warn";
    busy_ = busy_ || decides;
    auto request = own_request(job.workspace, "job", job.name, job.id + ":" + verb + "@" + std::to_string(follower_.applied), std::move(command));
    self_->request(entity_, caf::infinite, Submit{std::make_shared<const Request>(std::move(request))})
        .then([this, id = job.id, decides](const Outcome& outcome) { answered(id, decides, outcome); },
              [this, decides](const caf::error&) { busy_ = busy_ && !decides; });
  }

  // What was prepared and is refused all the same (the model has been replaced meanwhile) ends the job at the next look, unless
  // that has happened already.
  void answered(const std::string& job_id, bool decides, const Outcome& outcome) {
    if (!decides) return;
    busy_ = false;
    if (outcome.receipt && !outcome.receipt->refusal) decided_at_ = outcome.receipt->position;
    if (outcome.receipt && outcome.receipt->refusal) refused_[job_id] = outcome.receipt->refusal->message;
  }

  caf::event_based_actor* self_;
  JobPreparer* preparer_;
  caf::actor entity_;
  Settings settings_;
  Follower follower_;
  std::map<std::string, std::string> refused_;  // job id -> why; emptied whenever no job is left to be prepared
  Position decided_at_ = 0;  // of what was last decided for us: until we have heard of it, we would do the same again
  bool busy_ = false;
};

}  // namespace

Gathered gather_preparation(const World& world, const JobState& job) {
  Preparation preparation;
  preparation.workspace = job.workspace;
  preparation.job = job.name;
  preparation.method = job.method;
  if (auto missing = add_model(world, job, preparation)) return std::move(*missing);
  if (auto missing = add_teacher(world, job, preparation)) return std::move(*missing);
  if (auto missing = add_dataset(world, job, preparation)) return std::move(*missing);
  preparation.config = job.config.text;
  preparation.preparation = job.preparation.text;
  preparation.devices = devices_of(world);
  return preparation;
}

caf::behavior preparer_actor(caf::event_based_actor* self, JobPreparer* preparer, const log::EventLog* log, caf::actor log_actor,
                             caf::actor entity, Settings settings) {
  auto follower = follow_log(self, *log, log_actor);
  if (!follower) return {};
  auto acting = std::make_shared<Preparer>(self, preparer, std::move(entity), settings, std::move(*follower));
  self->send(self, Tick{});
  return {
      [=](const Committed& committed) { acting->committed(*committed.commit); },
      [=](const Tick&) { acting->tick(); },
  };
}

}  // namespace luthier::core
