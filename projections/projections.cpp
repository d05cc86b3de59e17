// The read models on disk. Keys:
//
//   mark/<projection>        how far it is: {"format","position","hash"}
//   row/<projection>/<key>   a row, under the key that the fold gave it
//
// Nothing is synced: what a power cut takes is folded again. A batch has the rows of some events and the marks behind them.
#include "projections/projections.hpp"

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <atomic>
#include <mutex>
#include <shared_mutex>

#include "events/json/fields.hpp"
#include "projections/decoding.hpp"
#include "projections/reading.hpp"
#include "projections/rocks_table.hpp"

namespace luthier::projections {
namespace {

// How far a projection is, and by the hash of the last record which log it has folded.
struct Mark {
  std::int64_t format = 0, position = 0;
  std::string hash;
  static constexpr auto fields() {
    return field_list(field("format", &Mark::format), field("position", &Mark::position), field("hash", &Mark::hash));
  }
};

std::string mark_key(std::string_view projection) { return std::string("mark/").append(projection); }

rocksdb::Options options_of(rocksdb::Env* env) {
  rocksdb::Options options;
  if (env) options.env = env;
  options.create_if_missing = true;
  options.write_buffer_size = 16 << 20;
  options.max_open_files = 256;
  options.keep_log_file_num = 2;
  return options;
}

}  // namespace

struct Projections::Store {
  explicit Store(ProjectionsOptions chosen) : options(std::move(chosen)) {}

  Result<void> open();
  Result<void> drop();
  Result<void> read_marks();
  Result<void> check_against(const log::EventLog& log);
  Result<void> apply(std::span<const log::Record> records, std::span<const events::Fact> facts);
  void publish_position();
  Error closed() const { return {ErrorCode::io, "the projections in " + options.directory.string() + " could not be opened again", {}}; }

  ProjectionsOptions options;
  // Readers hold it shared for as long as they use the database; whoever replaces the database holds it alone.
  mutable std::shared_mutex replacing;
  std::unique_ptr<rocksdb::DB> db;  // null after a replacement that failed
  std::vector<Mark> marks;  // of all_projections(); the writer's
  std::atomic<Position> position = 0;
};

Result<void> Projections::Store::open() {
  rocksdb::DB* opened = nullptr;
  const std::string directory = options.directory.string();
  if (const auto status = rocksdb::DB::Open(options_of(options.env), directory, &opened); !status.ok())
    return rocks_error(status, "opening the projections in " + directory);
  db.reset(opened);
  if (const auto status = db->VerifyChecksum(); !status.ok()) return rocks_error(status, "verifying the projections in " + directory);
  return read_marks();
}

// Leaves an empty database. Readers wait meanwhile.
Result<void> Projections::Store::drop() {
  const std::unique_lock alone(replacing);
  db.reset();
  const std::string directory = options.directory.string();
  if (const auto status = rocksdb::DestroyDB(directory, options_of(options.env)); !status.ok())
    return rocks_error(status, "dropping the projections in " + directory);
  return open();
}

Result<void> Projections::Store::read_marks() {
  marks.clear();
  for (const Projection& projection : all_projections()) {
    std::string text;
    const auto status = db->Get({}, mark_key(projection.name), &text);
    if (!status.ok() && !status.IsNotFound()) return rocks_error(status, "reading the projections");
    Mark mark{projection.format, 0, ""};
    if (status.ok()) {
      const auto stored = json::from_json<Mark>(text);
      if (!stored || stored->format != projection.format || stored->position < 0)
        return Error{ErrorCode::corrupt, "projection " + std::string(projection.name) + " is in another format", {}};
      mark = *stored;
    }
    marks.push_back(mark);
  }
  publish_position();
  return {};
}

void Projections::Store::publish_position() {
  Position least = marks.front().position;
  for (const Mark& mark : marks) least = std::min(least, mark.position);
  position = least;
}

// They are of this log if the last record that each has folded is there with the same hash.
Result<void> Projections::Store::check_against(const log::EventLog& log) {
  for (const Mark& mark : marks) {
    if (mark.position == 0) continue;
    const auto other = Error{ErrorCode::corrupt, "the projections are at position " + std::to_string(mark.position) +
                                                     " of another log", {}};
    if (mark.position > log.head().position) return other;
    const auto record = log.read(mark.position, 1);
    if (!record) return record.error();
    if (record->empty() || record->front().hash != mark.hash) return other;
  }
  return {};
}

Result<void> Projections::Store::apply(std::span<const log::Record> records, std::span<const events::Fact> facts) {
  if (records.size() != facts.size()) return Error{ErrorCode::internal, "each record needs its fact", {}};
  if (records.empty()) return {};
  if (!db) return closed();
  rocksdb::WriteBatch batch;
  std::vector<Mark> moved = marks;
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const Projection& projection = all_projections()[i];
    PendingTable table(*db, projection.name);
    for (std::size_t r = 0; r < records.size(); ++r) {
      if (records[r].position <= moved[i].position) continue;
      if (records[r].position != moved[i].position + 1)
        return Error{ErrorCode::internal, "projection " + std::string(projection.name) + " is at position " +
                                              std::to_string(moved[i].position) + " and was given " +
                                              std::to_string(records[r].position), {}};
      projection.apply(table, records[r], facts[r].event);
      if (table.problem()) return with_context(*table.problem(), "projection " + std::string(projection.name));
      moved[i].position = records[r].position;
      moved[i].hash = records[r].hash;
    }
    table.add_to(batch);
    batch.Put(mark_key(projection.name), json::to_json(moved[i]));
  }
  if (const auto status = db->Write({}, &batch); !status.ok()) return rocks_error(status, "writing the projections");
  marks = std::move(moved);
  publish_position();
  return {};
}

Projections::Projections(std::unique_ptr<Store> store) : store_(std::move(store)) {}
Projections::~Projections() = default;

Result<std::unique_ptr<Projections>> Projections::open(const ProjectionsOptions& options) {
  auto store = std::make_unique<Store>(options);
  auto opened = store->open();
  // What is damaged, or of an older format, is made again from the log. A disk that refuses is an error.
  if (!opened && opened.error().code == ErrorCode::corrupt) opened = store->drop();
  if (!opened) return opened.error();
  return std::unique_ptr<Projections>(new Projections(std::move(store)));
}

Position Projections::position() const { return store_->position; }

Result<std::optional<std::string>> Projections::get(const std::string& entity, const std::string& workspace,
                                                    const std::string& name) const {
  const auto place = place_of(entity);
  if (!place) return place.error();
  const std::shared_lock reading(store_->replacing);
  if (!store_->db) return store_->closed();
  const Projection& projection = all_projections()[*place];
  return get_document(projection, SnapshotTable(*store_->db, projection.name), entity, workspace, name);
}

Result<Page> Projections::list(const std::string& entity, const std::string& workspace, const std::string& after,
                               std::size_t limit) const {
  const auto place = place_of(entity);
  if (!place) return place.error();
  const std::shared_lock reading(store_->replacing);
  if (!store_->db) return store_->closed();
  const Projection& projection = all_projections()[*place];
  return list_documents(projection, SnapshotTable(*store_->db, projection.name), entity, workspace, after, limit);
}

Result<void> Projections::apply(std::span<const log::Record> records, std::span<const events::Fact> facts) {
  return store_->apply(records, facts);
}

Result<void> Projections::catch_up(const log::EventLog& log, const std::function<void(Position, Position)>& progress) {
  if (auto same = store_->check_against(log); !same) {
    if (same.error().code != ErrorCode::corrupt) return same;
    if (auto dropped = store_->drop(); !dropped) return dropped;
  }
  while (position() < log.head().position) {
    const auto records = log.read(position() + 1, records_per_piece);
    if (!records) return records.error();
    if (records->empty())
      return Error{ErrorCode::corrupt, "the log has no position " + std::to_string(position() + 1), {}};
    std::vector<events::Fact> facts;
    for (const log::Record& record : *records) {
      auto fact = decode_record(record);
      if (!fact) return fact.error();
      facts.push_back(std::move(*fact));
    }
    if (auto applied = apply(*records, facts); !applied) return applied;
    if (progress) progress(position(), log.head().position);
  }
  return {};
}

Result<void> Projections::rebuild(const log::EventLog& log, const std::function<void(Position, Position)>& progress) {
  if (auto dropped = store_->drop(); !dropped) return dropped;
  return catch_up(log, progress);
}

}  // namespace luthier::projections
