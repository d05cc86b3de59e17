// The read models on disk. Keys:
//
//   mark                     how far they are: {"formats","position","hash"}
//   row/<projection>/<key>   a row, under the key that the fold gave it
//
// Nothing is synced: what a power cut takes is folded again. A batch has the rows of some events and the mark behind them.
#include "projections/projections.hpp"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <atomic>
#include <mutex>
#include <shared_mutex>

#include "events/json/fields.hpp"
#include "projections/decoding.hpp"
#include "projections/reading.hpp"
#include "projections/rocks_table.hpp"

namespace luthier::projections {
namespace {

// How far the projections are, and by the hash of the last record which log they have folded.
struct Mark {
  std::string formats;  // of each: whichever changes, all are folded again
  std::int64_t position = 0;
  std::string hash;
  static constexpr auto fields() {
    return field_list(field("formats", &Mark::formats), field("position", &Mark::position), field("hash", &Mark::hash));
  }
};

constexpr const char* mark_key = "mark";

std::string all_formats() {
  std::string text;
  for (const Projection& projection : all_projections()) text.append(projection.name).append(" ").append(std::to_string(projection.format)).append(" ");
  return text;
}

rocksdb::Options options_of(rocksdb::Env* env) {
  rocksdb::Options options;
  if (env) options.env = env;
  options.create_if_missing = true;
  options.write_buffer_size = 16 << 20;
  options.max_open_files = 256;
  options.keep_log_file_num = 2;
  // Much is asked for that is not there: the spec and the adapters of a model that has none, the row of what is about to be made.
  options.memtable_whole_key_filtering = true;
  options.memtable_prefix_bloom_size_ratio = 0.02;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

struct Projections::Store {
  explicit Store(ProjectionsOptions chosen) : options(std::move(chosen)) {}

  Result<void> open();
  Result<void> drop();
  Result<void> read_mark();
  Result<void> check_against(const log::EventLog& log);
  Result<void> apply(std::span<const log::Record> records, std::span<const events::Fact> facts);
  Error closed() const { return {ErrorCode::io, "the projections in " + options.directory.string() + " could not be opened again", {}}; }

  ProjectionsOptions options;
  // Readers hold it shared for as long as they use the database; whoever replaces the database holds it alone.
  mutable std::shared_mutex replacing;
  std::unique_ptr<rocksdb::DB> db;  // null after a replacement that failed
  Mark mark;  // the writer's
  std::atomic<Position> position = 0;
};

Result<void> Projections::Store::open() {
  rocksdb::DB* opened = nullptr;
  const std::string directory = options.directory.string();
  if (const auto status = rocksdb::DB::Open(options_of(options.env), directory, &opened); !status.ok())
    return rocks_error(status, "opening the projections in " + directory);
  db.reset(opened);
  if (const auto status = db->VerifyChecksum(); !status.ok()) return rocks_error(status, "verifying the projections in " + directory);
  return read_mark();
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

Result<void> Projections::Store::read_mark() {
  mark = {all_formats(), 0, ""};
  std::string text;
  const auto status = db->Get({}, mark_key, &text);
  if (!status.ok() && !status.IsNotFound()) return rocks_error(status, "reading the projections");
  if (status.ok()) {
    auto stored = json::from_json<Mark>(text);
    if (!stored || stored->formats != mark.formats || stored->position < 0)
      return Error{ErrorCode::corrupt, "the projections are in another format", {}};
    mark = std::move(*stored);
  } else {
    const std::unique_ptr<rocksdb::Iterator> rows(db->NewIterator({}));
    rows->SeekToFirst();
    if (rows->Valid()) return Error{ErrorCode::corrupt, "the projections have rows and do not say how far they are", {}};
    if (!rows->status().ok()) return rocks_error(rows->status(), "reading the projections");
  }
  position = mark.position;
  return {};
}

// They are of this log if the last record that they have folded is there with the same hash.
Result<void> Projections::Store::check_against(const log::EventLog& log) {
  if (mark.position == 0) return {};
  const auto other = Error{ErrorCode::corrupt, "the projections are at position " + std::to_string(mark.position) + " of another log", {}};
  if (mark.position > log.head().position) return other;
  const auto record = log.read(mark.position, 1);
  if (!record) return record.error();
  if (record->empty() || record->front().hash != mark.hash) return other;
  return {};
}

Result<void> Projections::Store::apply(std::span<const log::Record> records, std::span<const events::Fact> facts) {
  if (records.size() != facts.size()) return Error{ErrorCode::internal, "each record needs its fact", {}};
  while (!records.empty() && records.front().position <= mark.position) records = records.subspan(1), facts = facts.subspan(1);
  if (records.empty()) return {};
  if (!db) return closed();
  for (std::size_t r = 0; r < records.size(); ++r)
    if (const auto next = mark.position + 1 + static_cast<Position>(r); records[r].position != next)
      return Error{ErrorCode::internal, "the projections need position " + std::to_string(next) + " and were given " +
                                            std::to_string(records[r].position), {}};
  rocksdb::WriteBatch batch;
  for (const Projection& projection : all_projections()) {
    PendingTable table(*db, projection.name);
    for (std::size_t r = 0; r < records.size(); ++r) {
      projection.apply(table, records[r], facts[r].event);
      if (table.problem()) return with_context(*table.problem(), "projection " + std::string(projection.name));
    }
    table.add_to(batch);
  }
  const Mark moved{mark.formats, records.back().position, records.back().hash};
  batch.Put(mark_key, json::to_json(moved));
  if (const auto status = db->Write({}, &batch); !status.ok()) return rocks_error(status, "writing the projections");
  mark = moved;
  position = mark.position;
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
