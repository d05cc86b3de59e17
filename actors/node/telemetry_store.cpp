#include "actors/node/telemetry_store.hpp"

#include <algorithm>
#include <fstream>
#include <set>

#include "actors/bus/subjects.hpp"
#include "actors/worker/work_directory.hpp"
#include "events/base/file.hpp"
#include "events/json/value.hpp"

namespace luthier::node {
namespace {

using namespace std::chrono_literals;

constexpr auto write_interval = 1s;
constexpr auto spared = 120s;  // files that are younger than any row is on its way stay in a sweep
constexpr std::size_t files_open_max = 1'000, progress_bytes_max = 1 << 20, message_bytes_max = 64 * 1024, metrics_bytes_max = 16 << 20;
constexpr const char* progress_ending = ".progress.json";
constexpr const char* log_ending = ".jsonl";

// Ids come from the log and are plain; this keeps anything else out of the paths.
bool is_plain(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string text_at(const json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  return member && member->text() ? *member->text() : "";
}

std::int64_t number_at(const json::Value& object, std::string_view name, std::int64_t otherwise) {
  const auto* member = object.find(name);
  const auto* number = member ? std::get_if<std::int64_t>(&member->held) : nullptr;
  return number ? *number : otherwise;
}

// The ids of all rows of an entity, everywhere. False: they cannot be read.
bool add_ids(const projections::ReadModels& models, const std::string& entity, const std::string& workspace,
             const std::function<void(const json::Value&)>& add) {
  for (std::string after;;) {
    const auto page = models.list(entity, workspace, after, 1000);
    if (!page) return false;
    for (const auto& item : page->items)
      if (const auto row = json::parse(item)) add(*row);
    if (!page->next) return true;
    after = *page->next;
  }
}

}  // namespace

TelemetryStore::TelemetryStore(const projections::ReadModels& models, const Clock& clock, TelemetryOptions options)
    : models_(models), clock_(clock), options_(std::move(options)) {}

Result<std::unique_ptr<TelemetryStore>> TelemetryStore::start(bus::Bus& bus, const projections::ReadModels& models, const Clock& clock,
                                                              TelemetryOptions options) {
  std::error_code failure;
  std::filesystem::create_directories(options.directory, failure);
  if (failure) return file_error(options.directory, failure.value());
  std::unique_ptr<TelemetryStore> store(new TelemetryStore(models, clock, std::move(options)));
  store->worker_ = std::thread([here = store.get()] { here->work(); });
  auto subscribed = bus.subscribe(std::string(bus::all_telemetry), [here = store.get()](bus::Message message) { here->hear(std::move(message)); });
  if (!subscribed) return with_context(subscribed.error(), "listening to telemetry");
  store->subscription_ = std::move(*subscribed);
  return store;
}

TelemetryStore::~TelemetryStore() {
  subscription_.reset();
  {
    const std::lock_guard lock(waiting_mutex_);
    is_ending_ = true;
  }
  arrived_.notify_all();
  if (worker_.joinable()) worker_.join();
}

void TelemetryStore::warn(const std::string& text) const {
  if (options_.warn) options_.warn(text);
}

// ------------------------------------------------------------------------------------------------------------ what is heard

// On a thread of the bus.
void TelemetryStore::hear(bus::Message message) {
  if (message.payload.size() > message_bytes_max) return;
  const std::lock_guard lock(waiting_mutex_);
  if (waiting_.size() >= options_.waiting_max) {
    ++dropped_;
    return;
  }
  waiting_.push_back(std::move(message));
  arrived_.notify_one();
}

void TelemetryStore::work() {
  auto written_at = std::chrono::steady_clock::now();
  std::unique_lock lock(waiting_mutex_);
  while (true) {
    arrived_.wait_for(lock, write_interval, [this] { return is_ending_ || !waiting_.empty(); });
    std::vector<bus::Message> messages(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
    waiting_.clear();
    const bool is_last = is_ending_, sweeps = sweep_at_ && std::chrono::steady_clock::now() >= *sweep_at_ && !is_last;
    if (sweeps) sweep_at_.reset();
    const auto dropped = std::exchange(dropped_, 0);
    is_working_ = true;
    lock.unlock();
    if (dropped > 0) warn(std::to_string(dropped) + " telemetry messages came faster than they could be kept, and were left out");
    take(messages);
    read_all_metrics();
    if (const auto now = std::chrono::steady_clock::now(); is_last || now - written_at >= write_interval) {
      write_progress();
      written_at = now;
    }
    if (sweeps) sweep();
    lock.lock();
    is_working_ = false;
    settled_.notify_all();
    if (is_last && waiting_.empty()) return;
  }
}

void TelemetryStore::settle() const {
  std::unique_lock lock(waiting_mutex_);
  settled_.wait(lock, [this] { return waiting_.empty() && !is_working_; });
}

void TelemetryStore::take(const std::vector<bus::Message>& messages) {
  std::map<std::string, std::vector<api::LogLine>> lines;  // by job: one write for many lines
  const auto now = format_time(clock_.now());
  for (const auto& message : messages) {
    const auto tokens = bus::parse_subject(message.subject);  // tlm <workspace> job <name> <kind>
    if (!tokens || tokens->size() != 5 || (*tokens)[2] != "job") continue;
    const Name name{(*tokens)[1], (*tokens)[3]};
    const auto& kind = (*tokens)[4];
    if (kind == "progress") take_progress(name, message.payload);
    if (kind != "log") continue;
    const auto value = json::parse(message.payload, {.bytes_max = message_bytes_max, .depth_max = 8});
    const auto job = value && value->object() ? job_of(name) : std::nullopt;
    if (job) lines[job->id].push_back({now, std::to_string(number_at(*value, "attempt", 1)), "", "", "", text_at(*value, "line")});
  }
  for (const auto& [owner, all] : lines) add_logs(owner, all);
}

void TelemetryStore::take_progress(const Name& name, const std::string& line) {
  const auto job = job_of(name);
  if (!job) return;
  const std::lock_guard lock(mutex_);
  Entry& entry = entry_of(*job);
  entry.changes += entry.progress.take(line) ? 1 : 0;
}

std::optional<TelemetryStore::Job> TelemetryStore::job_of(const Name& name) const {
  std::uint64_t changes = 0;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = jobs_.find(name); found != jobs_.end()) return found->second;
    changes = jobs_changes_;
  }
  const auto row = models_.get("job", name.first, name.second);
  if (!row || !*row) return std::nullopt;
  const auto value = json::parse(**row);
  if (!value) return std::nullopt;
  const auto *config = value->find("config"), *inputs = value->find("inputs");
  Job job{text_at(*value, "id"), config ? number_at(*config, "epochs", 0) : 0, inputs ? number_at(*inputs, "steps", 0) : 0};
  if (!is_plain(job.id)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (changes == jobs_changes_) {
    if (jobs_.size() >= options_.jobs_max) jobs_.clear();
    jobs_[name] = job;
  }
  return job;
}

// ---------------------------------------------------------------------------------------------------------------- progress

TelemetryStore::Entry& TelemetryStore::entry_of(const Job& job) const {
  auto found = entries_.find(job.id);
  if (found == entries_.end()) {
    make_room();
    std::optional<TrainingProgress> kept;
    if (const auto text = read_text(file_of(job.id, progress_ending), progress_bytes_max)) kept = TrainingProgress::from_json(*text);
    found = entries_.emplace(job.id, Entry{kept.value_or(TrainingProgress(job.epochs, job.steps))}).first;
  }
  found->second.used = ++uses_;
  return found->second;
}

// The one that nobody has asked for, or spoken of, for the longest time; it is on disk, unless it has just changed.
void TelemetryStore::make_room() const {
  while (entries_.size() >= options_.jobs_max) {
    auto oldest = entries_.end();
    for (auto each = entries_.begin(); each != entries_.end(); ++each)
      if (each->second.is_on_disk() && (oldest == entries_.end() || each->second.used < oldest->second.used)) oldest = each;
    entries_.erase(oldest == entries_.end() ? entries_.begin() : oldest);
  }
}

std::optional<api::JobProgress> TelemetryStore::progress(const std::string& job_id) const {
  if (!is_plain(job_id)) return std::nullopt;
  read_metrics(job_id);
  const std::lock_guard lock(mutex_);
  if (!entries_.contains(job_id)) {
    std::error_code ignored;
    if (!std::filesystem::exists(file_of(job_id, progress_ending), ignored)) return std::nullopt;
  }
  return entry_of({job_id}).progress.progress();
}

// All steps of an attempt that has ended, from the file that its process has left on this disk. It begins anew where the file begins.
void TelemetryStore::read_metrics(const std::string& job_id) const {
  const std::lock_guard reading(metrics_mutex_);
  Ended ended;
  {
    const std::lock_guard lock(mutex_);
    auto found = ended_.extract(job_id);
    if (found.empty()) return;
    ended = std::move(found.mapped());
  }
  const worker::TrainDirectory directory(options_.work, {worker::TaskKind::train, job_id, ended.attempt});
  const auto text = read_text(directory.out() / "metrics.jsonl", metrics_bytes_max);
  const auto job = text ? job_of(ended.name) : std::nullopt;
  if (!job || job->id != job_id) return;
  const std::string attempt = "{\"attempt\":" + std::to_string(ended.attempt) + ",";
  const std::lock_guard lock(mutex_);
  Entry& entry = entry_of(*job);
  for (std::size_t start = 0; start < text->size();) {
    const auto end = std::min(text->find('\n', start), text->size());
    if ((*text)[start] == '{' && entry.progress.take(attempt + text->substr(start + 1, end - start - 1))) ++entry.changes;
    start = end + 1;
  }
}

void TelemetryStore::read_all_metrics() const {
  std::vector<std::string> jobs;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, ended] : ended_) jobs.push_back(id);
  }
  for (const auto& id : jobs) read_metrics(id);
}

void TelemetryStore::write_progress() {
  struct Changed {
    std::string id, text;
    std::uint64_t changes;
  };
  std::vector<Changed> all;
  {
    const std::lock_guard lock(mutex_);
    forgotten_.clear();
    for (const auto& [id, entry] : entries_)
      if (!entry.is_on_disk()) all.push_back({id, entry.progress.to_json(), entry.changes});
  }
  // Not synced: what a power cut takes is the last second or so.
  for (const auto& changed : all) {
    const auto temporary = file_of(changed.id, ".progress.json.new");
    std::error_code failure;
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file << changed.text;
    file.close();
    const std::lock_guard lock(mutex_);
    if (!file || forgotten_.contains(changed.id)) {
      std::filesystem::remove(temporary, failure);
      continue;
    }
    std::filesystem::rename(temporary, file_of(changed.id, progress_ending), failure);
    if (const auto entry = entries_.find(changed.id); entry != entries_.end()) entry->second.written = changed.changes;
  }
}

// --------------------------------------------------------------------------------------------------------------- log lines

std::shared_ptr<TelemetryLog> TelemetryStore::log_of(const std::string& owner) const {
  const std::lock_guard lock(logs_mutex_);
  if (const auto found = logs_.find(owner); found != logs_.end()) return found->second;
  if (logs_.size() >= files_open_max) std::erase_if(logs_, [](const auto& each) { return each.second.use_count() == 1; });
  return logs_[owner] = std::make_shared<TelemetryLog>(file_of(owner, log_ending), options_.log_bytes_max);
}

api::LogPage TelemetryStore::logs(const std::string& owner, const api::LogQuery& query) const {
  if (!is_plain(owner)) return {};
  return log_of(owner)->query(query);
}

void TelemetryStore::add_logs(const std::string& owner, const std::vector<api::LogLine>& lines) {
  if (!is_plain(owner) || lines.empty()) return;
  if (auto ok = log_of(owner)->append(lines); !ok) warn("log lines of " + owner + " could not be kept: " + ok.error().message);
}

// ---------------------------------------------------------------------------------------------------------------- the end

void TelemetryStore::forget(const std::string& owner) {
  if (!is_plain(owner)) return;
  {
    const std::lock_guard lock(mutex_);
    entries_.erase(owner);
    ended_.erase(owner);
    forgotten_.insert(owner);
    std::error_code ignored;
    for (const auto* ending : {progress_ending, ".progress.json.new", ".jsonl.shorter"}) std::filesystem::remove(file_of(owner, ending), ignored);
  }
  log_of(owner)->remove();
}

namespace {

// The attempt that has ended with this event.
std::optional<std::int64_t> ended_attempt(const events::Event& event) {
  if (const auto* completed = std::get_if<events::JobCompleted>(&event)) return completed->attempt;
  if (const auto* failed = std::get_if<events::JobFailed>(&event)) return failed->attempt;
  if (const auto* ended = std::get_if<events::JobAttemptEnded>(&event)) return ended->attempt;
  return std::nullopt;
}

}  // namespace

void TelemetryStore::changed(std::span<const events::Fact> facts) {
  for (const auto& fact : facts) {
    if (const auto attempt = ended_attempt(fact.event); attempt && !options_.work.empty() && is_plain(fact.stream.id)) {
      const std::lock_guard lock(mutex_);
      if (ended_.size() < options_.jobs_max) ended_[fact.stream.id] = {{fact.workspace, fact.name}, *attempt};
    }
    const bool is_deleted_job = std::holds_alternative<events::JobDeleted>(fact.event);
    const bool is_new_job = std::holds_alternative<events::JobSubmitted>(fact.event) || std::holds_alternative<events::JobQueued>(fact.event);
    if (is_deleted_job || is_new_job) {
      const std::lock_guard lock(mutex_);
      jobs_.erase({fact.workspace, fact.name});
      ++jobs_changes_;
    }
    if (is_deleted_job || std::holds_alternative<events::FilesetDeleted>(fact.event)) forget(fact.stream.id);
    if (!std::holds_alternative<events::WorkspaceDeleted>(fact.event)) continue;
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(jobs_, [&](const auto& job) { return job.first.first == fact.name; });
      ++jobs_changes_;
    }
    const std::lock_guard lock(waiting_mutex_);  // its jobs have gone without a word of each
    sweep_at_ = std::chrono::steady_clock::now() + spared + 10s;
  }
}

// Files of what is not there any more, after the end of a workspace and at the start.
void TelemetryStore::sweep() {
  std::set<std::string> owners;
  std::error_code failure;
  for (std::filesystem::directory_iterator file(options_.directory, failure), end; !failure && file != end; file.increment(failure)) {
    const auto name = file->path().filename().string();
    std::error_code gone;
    const auto age = std::filesystem::file_time_type::clock::now() - std::filesystem::last_write_time(file->path(), gone);
    if (const auto dot = name.find('.'); !gone && dot != name.npos && age > spared) owners.insert(name.substr(0, dot));
  }
  if (owners.empty()) return;
  const auto keep = [&](const json::Value& row) { owners.erase(text_at(row, "id")); };
  std::vector<std::string> workspaces{"system"};
  bool is_whole = add_ids(models_, "workspace", "system", [&](const json::Value& row) { workspaces.push_back(text_at(row, "name")); });
  for (const auto& workspace : workspaces)
    for (const auto* entity : {"job", "fileset_head"}) is_whole = is_whole && add_ids(models_, entity, workspace, keep);
  if (!is_whole) return;  // nothing is removed on half a list
  for (const auto& owner : owners) forget(owner);
}

}  // namespace luthier::node
