#include "actors/importer/importer.hpp"

#include <algorithm>

#include "actors/api/outside_store.hpp"
#include "actors/blobs/blob_store.hpp"
#include "actors/importer/bring.hpp"
#include "events/base/overloaded.hpp"
#include "events/json/value.hpp"

namespace luthier::importer {
namespace fs = std::filesystem;

using namespace std::chrono_literals;
using api::ImportState;
using api::text_or_empty;
using events::StepStatus;
using rest::Json;

namespace {

constexpr auto rest_max = 1h;
constexpr auto again_after = 5s;  // where a command of ours was not taken
constexpr std::int64_t progress_bytes = 1 << 20;
constexpr std::size_t message_bytes_max = 2'000;
constexpr const char* advice = "; delete the fileset and create it anew to import it again";

Time now() { return std::chrono::steady_clock::now(); }

// "workspace/name", as facts and rows spell it; empty: none.
std::optional<std::pair<std::string, std::string>> name_of(const std::string& reference) {
  const auto slash = reference.find('/');
  if (slash == reference.npos) return std::nullopt;
  return std::pair(reference.substr(0, slash), reference.substr(slash + 1));
}

// The fileset of its own that a job takes its validation rows from, if any.
std::string validation_of(const events::JobSubmitted& submitted) {
  const auto preparation = json::parse(submitted.preparation.text);
  const auto* member = preparation ? preparation->find("validation") : nullptr;
  if (!member || !member->text()) return "";
  return *member->text();
}

bool is_of_imports(const std::string& job) { return job.starts_with("import-"); }

Error stopped() { return {ErrorCode::cancelled, "the import was stopped", {}}; }

std::string digits_of(const std::string& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) (text += digits[byte >> 4]) += digits[byte & 15];
  return text;
}

// What the fileset has of its listing already.
std::set<std::string> present_files(const projections::ReadModels& models, const std::string& workspace, const std::string& name, const hub::Listing& listing) {
  std::map<std::string, std::pair<std::string, std::int64_t>> there;
  const auto row = models.get("fileset", workspace, name);
  const auto document = row && *row ? Json::parse(**row, nullptr, false) : Json();
  if (const auto* files = rest::find_member(document, "files"); files && files->is_array())
    for (const auto& file : *files) there[text_or_empty(file, "path")] = {text_or_empty(file, "digest"), file.value("size", std::int64_t{-1})};
  std::set<std::string> present;
  for (const auto& file : listing.files) {
    const auto found = there.find(file.path);
    if (found == there.end() || found->second.second != file.size) continue;
    if (file.sha256.empty() || file.sha256 == found->second.first) present.insert(file.path);
  }
  return present;
}

// As the jobs service fills in a step that says no more than its name.
Json platform_spec() {
  const Json step = {{"name", step_name},
                     {"executor", {{"provider", "cpu"}, {"profile", "default"}, {"container", Json::object()}}},
                     {"environment", nullptr},
                     {"config", Json::object()},
                     {"lifecycle", {{"staleness_timeout_seconds", 0}}}};
  return {{"steps", Json::array({step})}};
}

}  // namespace

Importer::Importer(const api::Services& services, ImporterOptions options) : services_(services), options_(std::move(options)) {}

Importer::~Importer() { stop(); }

void Importer::start() {
  thread_ = std::thread([this] { run(); });
}

void Importer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
    interrupt_ = Interrupt::stop;
  }
  told_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// ----------------------------------------------------------------------------------------------------- what is told to us

void Importer::changed(std::span<const events::Fact> facts) {
  for (const auto& fact : facts) hear(fact);
}

void Importer::hear(const events::Fact& fact) {
  Inbox heard;
  const auto needs = [&](const std::string& reference) {
    if (auto name = name_of(reference)) heard.needed.insert(std::move(*name));
  };
  if (const auto* set = std::get_if<events::FilesetDetailsSet>(&fact.event)) {
    if (set->details.text.find("\"import\"") != std::string::npos) heard.filesets.emplace(fact.workspace, fact.name);
  } else if (std::holds_alternative<events::FilesetDeleted>(fact.event)) {
    heard.gone.insert(fact.stream.id);
  } else if (const auto* created = std::get_if<events::ModelCreated>(&fact.event)) {
    needs(created->fileset);
  } else if (const auto* updated = std::get_if<events::ModelUpdated>(&fact.event)) {
    needs(updated->fileset);
  } else if (const auto* queued = std::get_if<events::JobQueued>(&fact.event)) {
    needs(queued->dataset);
  } else if (const auto* submitted = std::get_if<events::JobSubmitted>(&fact.event)) {
    needs(submitted->dataset);
    const auto validation = validation_of(*submitted);
    needs(validation.empty() || validation.find('/') != validation.npos ? validation : fact.workspace + "/" + validation);
  } else if (const auto* moved = std::get_if<events::PlatformJobStatusSet>(&fact.event)) {
    if (is_of_imports(fact.name) && moved->status != "active" && moved->status != "pending") heard.jobs.emplace(fact.workspace, fact.name);
  } else if (std::holds_alternative<events::PlatformJobDeleted>(fact.event)) {
    if (is_of_imports(fact.name)) heard.deleted_jobs.emplace(fact.workspace, fact.name);
  }
  if (heard.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    const bool is_about_current = heard.gone.contains(current_fileset_) || heard.jobs.contains(current_job_) || heard.deleted_jobs.contains(current_job_);
    if (is_about_current && interrupt_ == Interrupt::none) interrupt_ = Interrupt::look_again;
    inbox_.filesets.merge(heard.filesets);
    inbox_.needed.merge(heard.needed);
    inbox_.jobs.merge(heard.jobs);
    inbox_.deleted_jobs.merge(heard.deleted_jobs);
    inbox_.gone.merge(heard.gone);
  }
  told_.notify_all();
}

bool Importer::wait_and_take() {
  Inbox inbox;
  {
    auto until = now() + rest_max;
    for (const auto& [id, candidate] : candidates_) until = std::min(until, candidate.tries.due());
    std::unique_lock lock(mutex_);
    told_.wait_until(lock, until, [this] { return stops_ || !inbox_.empty(); });
    if (stops_) return false;
    std::swap(inbox, inbox_);
  }
  take(inbox);
  return true;
}

void Importer::take(const Inbox& inbox) {
  for (const auto& id : inbox.gone) {
    if (const auto found = candidates_.find(id); found != candidates_.end()) move_job(found->second.job, StepStatus::cancelled, "the fileset was deleted");
    forget(id);
  }
  for (const auto& name : inbox.filesets) consider(name, false);
  for (const auto& name : inbox.needed) consider(name, true);
  for (auto& [id, candidate] : candidates_) {
    if (inbox.deleted_jobs.contains(candidate.job)) candidate.job_was_deleted = true;
    if (inbox.jobs.contains(candidate.job) || candidate.job_was_deleted) candidate.tries.now();
  }
}

// ----------------------------------------------------------------------------------------------------- which imports there are

void Importer::run() {
  recover();
  while (wait_and_take())
    if (const auto id = most_urgent()) attend(*id, candidates_.at(*id));
}

std::optional<std::string> Importer::most_urgent() const {
  const auto at = now();
  const std::string* found = nullptr;
  for (const auto& [id, candidate] : candidates_)
    if (candidate.tries.is_due(at) && (!found || candidate.order < candidates_.at(*found).order)) found = &id;
  return found ? std::optional(*found) : std::nullopt;
}

void Importer::consider(const Name& fileset, bool is_needed) {
  const auto document = services_.documents.get("fileset", fileset.first, fileset.second);
  if (!document || !api::import_state_of(document->row)) return;
  const auto id = text_or_empty(document->row, "id");
  auto found = candidates_.find(id);
  if (found == candidates_.end()) {
    found = candidates_.emplace(id, Candidate{}).first;
    found->second.fileset = fileset;
    found->second.job = {fileset.first, job_name(fileset.second, id)};
    found->second.order = ++counter_;
  }
  found->second.is_needed |= is_needed;
}

void Importer::forget(const std::string& id) {
  candidates_.erase(id);
  std::error_code error;
  fs::remove_all(options_.directory / id, error);
  if (error) options_.warn("the partial files of an import stay behind: " + (options_.directory / id).string() + ": " + error.message());
}

// What was under way when the process before this one ended.
void Importer::recover() {
  bool is_any_listed = false;
  for (const auto& document : services_.documents.everywhere("fileset", [](const std::string&) { return true; })) {
    const auto state = api::import_state_of(document->row);
    if (!state) continue;
    is_any_listed |= *state == ImportState::listed;
    consider({text_or_empty(document->row, "workspace"), text_or_empty(document->row, "name")}, false);
  }
  if (is_any_listed)
    for (const auto& name : all_needed()) consider(name, true);
  end_orphaned_jobs();
  remove_strays();
}

std::set<Importer::Name> Importer::all_needed() const {
  std::set<Name> needed;
  const auto add = [&](const Json& row, const char* member) {
    if (auto name = name_of(text_or_empty(row, member))) needed.insert(std::move(*name));
  };
  const auto anywhere = [](const std::string&) { return true; };
  for (const auto& model : services_.documents.everywhere("model", anywhere)) add(model->row, "fileset");
  for (const auto& job : services_.documents.everywhere("training_job", anywhere)) {
    const auto status = text_or_empty(job->row, "status");
    if (status != "completed" && status != "failed" && status != "cancelled") add(job->row, "dataset");
  }
  return needed;
}

// Jobs of filesets that were deleted when nobody was there to hear of it.
void Importer::end_orphaned_jobs() {
  std::set<Name> ours;
  for (const auto& [id, candidate] : candidates_) ours.insert(candidate.job);
  for (const auto& job : services_.documents.everywhere("platform_job", [](const std::string&) { return true; })) {
    const Name name{text_or_empty(job->row, "workspace"), text_or_empty(job->row, "name")};
    if (!is_of_imports(name.second) || text_or_empty(job->row, "source") != "files" || ours.contains(name)) continue;
    if (const auto status = job_status(name); status && !is_terminal(*status)) move_job(name, StepStatus::cancelled, "the fileset was deleted");
  }
}

void Importer::remove_strays() {
  std::error_code error;
  std::vector<fs::path> strays;
  for (fs::directory_iterator entry(options_.directory, error), end; !error && entry != end; entry.increment(error))
    if (!candidates_.contains(entry->path().filename().string())) strays.push_back(entry->path());
  for (const auto& stray : strays) fs::remove_all(stray, error);
}

// ----------------------------------------------------------------------------------------------------- one import

void Importer::attend(const std::string& id, Candidate& candidate) {
  {
    const std::lock_guard lock(mutex_);
    current_fileset_ = id;
    current_job_ = candidate.job;
    if (!stops_) interrupt_ = Interrupt::none;
  }
  const auto document = services_.documents.get("fileset", candidate.fileset.first, candidate.fileset.second);
  const auto state = document ? api::import_state_of(document->row) : std::nullopt;
  if (!state || text_or_empty(document->row, "id") != id) {
    move_job(candidate.job, StepStatus::cancelled, "the fileset was deleted");
    return forget(id);
  }
  const auto& row = document->row;
  const bool is_cached = row["details"].value("cache", false);
  switch (next_of({*state, candidate.is_needed || is_cached, job_status(candidate.job), candidate.job_was_deleted})) {
    case Next::leave: return forget(id);
    case Next::want: return want(candidate);
    case Next::make_job: return make_job(row, candidate);
    case Next::fetch: return import(id, row, candidate);
    case Next::stand_by: return candidate.tries.postpone();
    case Next::pause:
      move_job(candidate.job, StepStatus::paused);
      return candidate.tries.postpone();
    case Next::cancel: return end(id, candidate, ImportState::cancelled, std::string("its import was cancelled") + advice);
    case Next::settle: {
      const auto import = api::import_of(row);
      const auto status = *state == ImportState::complete ? StepStatus::completed : *state == ImportState::failed ? StepStatus::error : StepStatus::cancelled;
      move_job(candidate.job, status, import->error);
      return forget(id);
    }
  }
}

void Importer::want(Candidate& candidate) {
  events::UpdateFileset update;
  update.details = JsonText{rest::dump(api::import_patch(ImportState::importing))};
  if (const auto done = submit(candidate.fileset, "fileset", std::move(update)); !done) candidate.tries.wait_until(now() + again_after);
}

void Importer::make_job(const Json& row, Candidate& candidate) {
  const auto reference = candidate.fileset.first + "/" + candidate.fileset.second;
  events::CreatePlatformJob create;
  create.source = "files";
  create.description = "Import of the files of fileset " + reference;
  create.spec = {rest::dump({{"fileset", reference}, {"storage", row["details"]["storage"]}})};
  create.platform_spec = {rest::dump(platform_spec())};
  if (const auto done = submit(candidate.job, "platform_job", std::move(create)); !done) {
    options_.warn("the job of an import could not be made: " + done.error().message);
    candidate.tries.wait_until(now() + again_after);
  }
}

void Importer::import(const std::string& id, const Json& row, Candidate& candidate) {
  move_job(candidate.job, StepStatus::active);
  const auto done = bring_all(id, row, candidate);
  if (done) return end(id, candidate, ImportState::complete, "");
  const auto& error = done.error();
  if (error.code == ErrorCode::cancelled) return;  // the next look, or the next start, goes on
  if (may_pass(error)) {
    if (const auto wait = candidate.tries.failed(now(), options_.patience)) {
      const auto seconds = std::chrono::ceil<std::chrono::seconds>(*wait).count();
      return report(candidate.job, {{"message", "trying again in " + std::to_string(seconds) + " s (" + std::to_string(candidate.tries.failed_in_a_row()) + " of " +
                                                    std::to_string(options_.patience.waits.size()) + " times): " + error.message.substr(0, message_bytes_max)}});
    }
  }
  end(id, candidate, ImportState::failed, error.message.substr(0, message_bytes_max) + advice);
}

Result<void> Importer::bring_all(const std::string& id, const Json& row, Candidate& candidate) {
  const auto import = *api::import_of(row);
  const auto& files = import.listing.files;
  const auto store = api::store_of(row["details"]["storage"], candidate.fileset.first, services_.secrets);
  if (!store) return store.error();
  const auto directory = options_.directory / id;
  std::error_code failure;
  fs::create_directories(directory, failure);
  if (failure) return Error{ErrorCode::io, directory.string() + ": " + failure.message(), {}};

  const auto present = present_files(services_.platform.read_models(), candidate.fileset.first, candidate.fileset.second, import.listing);
  std::int64_t files_done = 0, bytes_done = 0;
  for (const auto& file : files)
    if (present.contains(file.path)) ++files_done, bytes_done += file.size;
  ReportPace pace(import.bytes);
  const auto tell = [&](std::int64_t bytes, const std::string& path) {
    report(candidate.job, {{"files_done", files_done}, {"files_total", import.file_count}, {"bytes_done", bytes}, {"bytes_total", import.bytes},
                           {"file", path.empty() ? Json(nullptr) : Json(path)}, {"message", nullptr}});
  };
  if (pace.is_due(now(), bytes_done)) tell(bytes_done, "");

  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& file = files[i];
    if (present.contains(file.path)) continue;
    if (interrupt_ != Interrupt::none) return stopped();
    auto transfer = api::transfer_for(services_.settings);
    transfer.attempts = 3;
    options_.adjust(transfer);
    transfer.cancel = [this] { return interrupt_ != Interrupt::none; };
    std::optional<std::int64_t> began_at;
    transfer.progress = [&](std::int64_t bytes) {
      if (!began_at) began_at = bytes;
      if (bytes - *began_at >= progress_bytes) candidate.tries.there_was_progress();
      if (pace.is_due(now(), bytes_done + bytes)) tell(bytes_done + bytes, file.path);
    };
    const auto through = directory / std::to_string(i);  // its own name may be anything
    const auto blob = bring(*store, import.listing, file, through, *services_.blobs, transfer);
    if (!blob) return blob.error();
    const auto put = submit(candidate.fileset, "fileset", events::PutFile{file.path, blob->digest, blob->size}, "import:" + id + ":" + std::to_string(i),
                            std::to_string(row.value("position", std::int64_t{0})));
    if (!put) return put.error();
    fs::remove(through, failure);
    candidate.tries.there_was_progress();
    ++files_done;
    bytes_done += file.size;
    if (pace.is_due(now(), bytes_done)) tell(bytes_done, "");
  }
  tell(bytes_done, "");
  return {};
}

// The fileset first: who sees that the job has ended can rely on what its fileset says.
void Importer::end(const std::string& id, Candidate& candidate, ImportState state, const std::string& error) {
  events::UpdateFileset update;
  update.details = JsonText{rest::dump(api::import_patch(state, error))};
  const auto done = submit(candidate.fileset, "fileset", std::move(update));
  if (!done && done.error().code != ErrorCode::not_found) return candidate.tries.wait_until(now() + again_after);
  if (!done) move_job(candidate.job, StepStatus::cancelled, "the fileset was deleted");
  else if (state == ImportState::complete) move_job(candidate.job, StepStatus::completed);
  else move_job(candidate.job, state == ImportState::failed ? StepStatus::error : StepStatus::cancelled, error);
  forget(id);
}

// ----------------------------------------------------------------------------------------------------- what we say

std::optional<StepStatus> Importer::job_status(const Name& job) const {
  const auto text = services_.platform.read_models().get("platform_job", job.first, job.second);
  if (!text || !*text) return std::nullopt;
  const auto row = Json::parse(**text, nullptr, false);
  const auto* steps = rest::find_member(row, "steps");
  if (!steps || !steps->is_array() || steps->empty()) return std::nullopt;
  return events::parse_step_status(text_or_empty(steps->front(), "status"));
}

// Best effort: people look at the job, and nothing follows from it that is not seen at the next look.
void Importer::move_job(const Name& job, StepStatus to, const std::string& message) {
  const auto from = job_status(job);
  if (!from) return;
  const auto way_there = way(*from, to);
  if (way_there.empty()) return;
  events::PutTask task{step_name, step_name};
  task.status = std::string(to_string(to));
  if (!message.empty() || is_terminal(to)) task.status_details = JsonText{rest::dump({{"message", message.empty() ? Json(nullptr) : Json(message)}})};
  if (to == StepStatus::error) task.error_details = JsonText{rest::dump({{"message", message}})};
  (void)submit(job, "platform_job", task);
  for (const auto status : way_there) {
    events::SetStepStatus set{step_name, std::string(to_string(status))};
    if (status == to && to == StepStatus::error) set.error_details = task.error_details;
    if (const auto done = submit(job, "platform_job", std::move(set)); !done) return;
  }
}

void Importer::report(const Name& job, const Json& details) {
  events::PutTask task{step_name, step_name};
  task.status = "active";
  task.status_details = JsonText{rest::dump(details)};
  (void)submit(job, "platform_job", std::move(task));
}

Result<void> Importer::submit(const Name& name, const std::string& entity, events::Command command, std::string id, std::string causation) {
  events::Request request;
  request.key = {"system", name.first, id.empty() ? "import-" + digits_of(services_.platform.random_bytes(16)) : std::move(id)};
  request.entity = entity;
  request.name = name.second;
  request.causation = std::move(causation);
  request.command = std::move(command);
  const auto done = services_.platform.submit(std::move(request));
  if (!done) return done.error();
  return {};
}

}  // namespace luthier::importer
