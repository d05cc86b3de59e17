#include "projections/projections.hpp"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "events/codec/codec.hpp"
#include "projections/fold.hpp"

namespace luthier::projections {
namespace {

constexpr std::size_t piece = 500;      // events folded in one batch
constexpr std::size_t page_max = 1000;  // rows of one answer
const std::array<std::string, 6> names{"workspaces", "filesets", "models", "jobs", "deployments", "workers"};

Error io_error(const rocksdb::Status& status) { return {ErrorCode::io, "the projections: " + status.ToString(), ""}; }

std::string row_prefix(const std::string& key) { return "row/" + key; }
std::string position_key(const std::string& projection) { return "position/" + projection; }
const std::string first_hash_key = "log/first_hash";  // which log this is a fold of

// Rows as they are on disk, under what the batch has changed so far.
class BatchTable final : public Table {
 public:
  explicit BatchTable(rocksdb::DB& db) : db_(db) {}
  std::optional<std::string> get(const std::string& key) const override {
    if (const auto found = changed_.find(key); found != changed_.end()) return found->second;
    std::string row;
    const auto status = db_.Get(rocksdb::ReadOptions(), row_prefix(key), &row);
    return status.ok() ? std::optional(std::move(row)) : std::nullopt;
  }
  void put(const std::string& key, std::string row) override { changed_[key] = std::move(row); }
  void erase(const std::string& key) override { changed_[key] = std::nullopt; }

  void write_to(rocksdb::WriteBatch& batch) const {
    for (const auto& [key, row] : changed_) {
      if (row) batch.Put(row_prefix(key), *row);
      else batch.Delete(row_prefix(key));
    }
  }

 private:
  rocksdb::DB& db_;
  std::map<std::string, std::optional<std::string>> changed_;
};

// Workspaces and workers are rows of workspace "system", whichever workspace is asked about.
std::string list_prefix(const std::string& entity, const std::string& workspace) { return row_key(entity, workspace, ""); }

bool is_entity(const std::string& entity) {
  return entity == "workspace" || entity == "fileset" || entity == "model" || entity == "adapter" || entity == "job" ||
         entity == "deployment" || entity == "worker";
}

Error no_such_entity(const std::string& entity) {
  return invalid("there is no entity " + entity + "; there are workspace, fileset, model, adapter, job, deployment and worker", "entity");
}

class PastModels final : public ReadModels {
 public:
  MemoryTable table;
  Position reached = 0;

  Position position() const override { return reached; }
  Result<std::optional<std::string>> get(const std::string& entity, const std::string& workspace, const std::string& name) const override {
    if (!is_entity(entity)) return no_such_entity(entity);
    return table.get(row_key(entity, workspace, name));
  }
  Result<Page> list(const std::string& entity, const std::string& workspace, const std::string& after, std::size_t limit) const override {
    if (!is_entity(entity)) return no_such_entity(entity);
    const auto prefix = list_prefix(entity, workspace);
    Page page;
    for (auto row = table.rows().upper_bound(prefix + after); row != table.rows().end() && row->first.starts_with(prefix); ++row) {
      if (page.items.size() == std::clamp<std::size_t>(limit, 1, page_max)) {
        page.next = std::prev(row)->first.substr(prefix.size());
        break;
      }
      page.items.push_back(row->second);
    }
    return page;
  }
};

// Calls `each` for the records from `from` up to `until`, in pieces.
Result<void> read_pieces(const log::EventLog& log, Position from, Position until,
                         const std::function<Result<void>(std::span<const log::Record>, std::span<const events::Fact>)>& each) {
  while (from <= until) {
    const auto count = std::min<std::size_t>(piece, static_cast<std::size_t>(until - from + 1));
    const auto records = log.read(from, count);
    if (!records) return records.error();
    if (records->empty()) return Error{ErrorCode::corrupt, "the log ends before position " + std::to_string(from), ""};
    std::vector<events::Fact> facts;
    for (const auto& record : *records) {
      auto event = events::decode_event(record.type, record.type_version, record.data);
      if (!event) return with_context(event.error(), "event " + std::to_string(record.position));
      facts.push_back({record.stream, record.workspace, record.name, std::move(*event)});
    }
    if (auto done = each(*records, facts); !done) return done;
    from += static_cast<Position>(records->size());
  }
  return {};
}

}  // namespace

struct Projections::Store {
  ProjectionsOptions options;
  std::unique_ptr<rocksdb::DB> db;
  std::atomic<Position> position{0};

  rocksdb::Options database_options() const {
    rocksdb::Options database;
    database.create_if_missing = true;
    if (options.env) database.env = options.env;
    database.write_buffer_size = 8 << 20;
    database.keep_log_file_num = 2;
    database.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
    return database;
  }

  Result<void> open() {
    rocksdb::DB* raw = nullptr;
    auto status = rocksdb::DB::Open(database_options(), options.directory.string(), &raw);
    if (!status.ok()) {  // whatever is wrong with them, the log has it all
      rocksdb::DestroyDB(options.directory.string(), database_options());
      status = rocksdb::DB::Open(database_options(), options.directory.string(), &raw);
    }
    if (!status.ok()) return io_error(status);
    db.reset(raw);
    position = read_position();
    return {};
  }

  // Where all of them are; they move together, so that differing ones mean damage, and a fresh start.
  Position read_position() const {
    std::optional<Position> reached;
    for (const auto& name : names) {
      std::string text;
      if (!db->Get(rocksdb::ReadOptions(), position_key(name), &text).ok()) return 0;
      const auto here = std::atoll(text.c_str());
      if (reached && *reached != here) return 0;
      reached = here;
    }
    return reached.value_or(0);
  }

  std::string first_hash() const {
    std::string hash;
    db->Get(rocksdb::ReadOptions(), first_hash_key, &hash);
    return hash;
  }

  Result<void> drop() {
    rocksdb::WriteBatch batch;
    const std::unique_ptr<rocksdb::Iterator> all(db->NewIterator(rocksdb::ReadOptions()));
    for (all->SeekToFirst(); all->Valid(); all->Next()) batch.Delete(all->key());
    if (!all->status().ok()) return io_error(all->status());
    if (const auto status = db->Write(rocksdb::WriteOptions(), &batch); !status.ok()) return io_error(status);
    position = 0;
    return {};
  }
};

Projections::Projections(std::unique_ptr<Store> store) : store_(std::move(store)) {}
Projections::~Projections() = default;

Result<std::unique_ptr<Projections>> Projections::open(const ProjectionsOptions& options) {
  auto store = std::make_unique<Store>();
  store->options = options;
  if (auto opened = store->open(); !opened) return opened.error();
  return std::unique_ptr<Projections>(new Projections(std::move(store)));
}

Position Projections::position() const { return store_->position; }

Result<std::optional<std::string>> Projections::get(const std::string& entity, const std::string& workspace,
                                                    const std::string& name) const {
  if (!is_entity(entity)) return no_such_entity(entity);
  std::string row;
  const auto status = store_->db->Get(rocksdb::ReadOptions(), row_prefix(row_key(entity, workspace, name)), &row);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return io_error(status);
  return std::optional(std::move(row));
}

Result<Page> Projections::list(const std::string& entity, const std::string& workspace, const std::string& after,
                               std::size_t limit) const {
  if (!is_entity(entity)) return no_such_entity(entity);
  const auto prefix = row_prefix(list_prefix(entity, workspace));
  const std::unique_ptr<rocksdb::Iterator> rows(store_->db->NewIterator(rocksdb::ReadOptions()));
  Page page;
  std::string last;
  for (rows->Seek(prefix + after); rows->Valid() && rows->key().starts_with(prefix); rows->Next()) {
    auto name = rows->key().ToString().substr(prefix.size());
    if (!after.empty() && name <= after) continue;
    if (page.items.size() == std::clamp<std::size_t>(limit, 1, page_max)) {
      page.next = last;
      break;
    }
    page.items.push_back(rows->value().ToString());
    last = std::move(name);
  }
  if (!rows->status().ok()) return io_error(rows->status());
  return page;
}

Result<void> Projections::apply(std::span<const log::Record> records, std::span<const events::Fact> facts) {
  if (records.empty()) return {};
  if (records.front().position != position() + 1)
    return Error{ErrorCode::internal, "event " + std::to_string(records.front().position) + " after " + std::to_string(position()), ""};
  BatchTable table(*store_->db);
  for (std::size_t i = 0; i < records.size(); ++i) fold(table, records[i], facts[i].event);
  rocksdb::WriteBatch batch;
  table.write_to(batch);
  const auto reached = records.back().position;
  for (const auto& name : names) batch.Put(position_key(name), std::to_string(reached));
  if (records.front().position == 1) batch.Put(first_hash_key, records.front().hash);
  if (const auto status = store_->db->Write(rocksdb::WriteOptions(), &batch); !status.ok()) return io_error(status);
  store_->position = reached;
  return {};
}

Result<void> Projections::catch_up(const log::EventLog& log, const std::function<void(Position, Position)>& progress) {
  const auto head = log.head().position;
  const auto first = log.read(1, 1);
  if (!first) return first.error();
  const bool is_other_log = !first->empty() && position() > 0 && first->front().hash != store_->first_hash();
  if (position() > head || is_other_log || position() == 0)
    if (auto dropped = store_->drop(); !dropped) return dropped;
  return read_pieces(log, position() + 1, head, [&](auto records, auto facts) {
    auto applied = apply(records, facts);
    if (applied && progress) progress(position(), head);
    return applied;
  });
}

Result<void> Projections::rebuild(const log::EventLog& log, const std::function<void(Position, Position)>& progress) {
  if (auto dropped = store_->drop(); !dropped) return dropped;
  return catch_up(log, progress);
}

Result<std::unique_ptr<ReadModels>> read_models_at(const log::EventLog& log, Position position) {
  auto models = std::make_unique<PastModels>();
  auto done = read_pieces(log, 1, position, [&](auto records, auto facts) -> Result<void> {
    for (std::size_t i = 0; i < records.size(); ++i) fold(models->table, records[i], facts[i].event);
    return {};
  });
  if (!done) return done.error();
  models->reached = position;
  return std::unique_ptr<ReadModels>(std::move(models));
}

}  // namespace luthier::projections
