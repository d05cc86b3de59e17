#include "actors/node/blob_collector.hpp"

#include <unordered_set>

#include "events/json/value.hpp"
#include "projections/decoding.hpp"

namespace luthier::node {
namespace {

using namespace std::chrono_literals;
using projections::ReadModels;

constexpr auto every = 10min;
constexpr auto grace = 1h;

// Calls `what` for each row; an error or a stop ends it.
Result<void> for_each_row(const ReadModels& models, const std::string& entity, const std::string& workspace, const std::function<bool()>& is_cancelled,
                          const std::function<Result<void>(const json::Value& row)>& what) {
  for (std::string after;;) {
    if (is_cancelled && is_cancelled()) return Error{ErrorCode::cancelled, "the look for unused contents was cancelled", {}};
    const auto page = models.list(entity, workspace, after, 1000);
    if (!page) return page.error();
    for (const auto& item : page->items) {
      const auto row = json::parse(item);
      if (!row) return row.error();
      if (auto done = what(*row); !done) return done;
    }
    if (!page->next) return {};
    after = *page->next;
  }
}

std::string text_of(const json::Value& row, std::string_view name) {
  const auto* member = row.find(name);
  return member && member->text() ? *member->text() : "";
}

bool has_ended(const std::string& job_status) { return job_status == "completed" || job_status == "error" || job_status == "cancelled"; }

// The digests that are named, as far as they are among the candidates.
class Names {
 public:
  explicit Names(const std::vector<blobs::Blob>& candidates) {
    for (const auto& blob : candidates) unnamed_.insert(blob.digest);
  }
  void name(const std::string& digest) { unnamed_.erase(digest); }
  bool is_unnamed(const std::string& digest) const { return unnamed_.contains(digest); }

 private:
  std::unordered_set<std::string> unnamed_;
};

// What a job was accepted with is in its stream alone: rows have digests of it.
Result<void> name_inputs(const log::EventLog& log, const std::string& job_id, Names& names) {
  constexpr std::size_t piece = 256;
  for (Version from = 1;; from += piece) {
    const auto records = log.read_stream({"job", job_id}, from, piece);
    if (!records) return records.error();
    for (const auto& record : *records) {
      const auto fact = projections::decode_record(record);
      if (!fact) return fact.error();
      if (const auto* set = std::get_if<events::JobTeacherSet>(&fact->event))
        for (const auto& file : set->teacher.files) names.name(file.digest);
      const auto* queued = std::get_if<events::JobQueued>(&fact->event);
      if (!queued) continue;
      for (const auto& file : queued->inputs.model_files) names.name(file.digest);
      names.name(queued->inputs.dataset.digest);
      if (queued->inputs.validation) names.name(queued->inputs.validation->digest);
    }
    if (records->size() < piece) return {};
  }
}

Result<void> name_all(const ReadModels& models, const log::EventLog& log, const std::function<bool()>& is_cancelled, Names& names) {
  return for_each_row(models, "workspace", "system", is_cancelled, [&](const json::Value& workspace) -> Result<void> {
    const auto name = text_of(workspace, "name");
    auto files = for_each_row(models, "file", name, is_cancelled, [&](const json::Value& file) -> Result<void> {
      names.name(text_of(file, "digest"));
      return {};
    });
    if (!files) return files;
    return for_each_row(models, "job", name, is_cancelled, [&](const json::Value& job) -> Result<void> {
      return has_ended(text_of(job, "status")) ? Result<void>() : name_inputs(log, text_of(job, "id"), names);
    });
  });
}

}  // namespace

Result<Collected> collect_blobs(const blobs::BlobStore& store, const ReadModels& models, const log::EventLog& log,
                                std::chrono::system_clock::time_point time, const std::function<bool()>& is_cancelled) {
  const auto candidates = store.idle_since(time);
  Collected collected;
  if (candidates.empty()) return collected;
  Names names(candidates);
  if (auto done = name_all(models, log, is_cancelled, names); !done) return done.error();
  for (const auto& blob : candidates) {
    if (!names.is_unnamed(blob.digest)) continue;
    const auto removed = store.remove_if_idle_since(blob.digest, time);
    if (!removed) return removed.error();
    if (!*removed) continue;
    ++collected.blobs;
    collected.bytes += blob.size;
  }
  return collected;
}

BlobCollector::BlobCollector(const blobs::BlobStore& store, const ReadModels& models, const log::EventLog& log, std::function<void(std::string)> warn)
    : store_(store), models_(models), log_(log), warn_(std::move(warn)), thread_([this] { work(); }) {}

BlobCollector::~BlobCollector() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ends_.notify_all();
  thread_.join();
}

bool BlobCollector::is_ending() {
  const std::lock_guard lock(mutex_);
  return ending_;
}

void BlobCollector::work() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (ends_.wait_for(lock, every, [&] { return ending_; })) return;
    }
    const auto collected = collect_blobs(store_, models_, log_, std::chrono::system_clock::now() - grace, [this] { return is_ending(); });
    if (!collected && collected.error().code != ErrorCode::cancelled) warn_("unused contents stay on the disk: " + collected.error().message);
    if (collected && collected->blobs > 0)
      warn_(std::to_string(collected->blobs) + " contents that nothing names any more were removed, " + std::to_string(collected->bytes) + " bytes");
  }
}

}  // namespace luthier::node
