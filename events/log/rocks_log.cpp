#include "events/log/rocks_log.hpp"

#include <rocksdb/db.h>

#include <cassert>
#include <limits>

#include "events/log/chain.hpp"
#include "events/log/record.hpp"
#include "events/log/rocks_keys.hpp"

namespace luthier::log {
namespace {

// A mark that is older than this many commits after a power cut makes the check of a cut tail that much weaker.
constexpr int commits_per_anchor_sync = 1000;

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

Error corrupt(std::string message) { return {ErrorCode::corrupt, std::move(message), {}}; }

}  // namespace

RocksLog::RocksLog(RocksLogOptions options, std::shared_ptr<Anchor> anchor)
    : options_(std::move(options)), anchor_(std::move(anchor)), head_{0, zero_hash()} {}

RocksLog::~RocksLog() {
  if (anchor_ && !stopped_by_) (void)anchor_->sync();  // a mark that stays behind is only a weaker one
}

Result<Written> RocksLog::append(std::span<const Append> appends, Timestamp now) {
  if (stopped_by_)
    return Error{ErrorCode::io, "the log stopped after an error and accepts nothing until a restart: " + *stopped_by_, {}};
  auto staged = stage(appends, now, *this, head(), time_, {options_.find_duplicates});
  if (!staged) return stop(staged.error());
  if (!staged->is_empty())
    if (auto committed = commit(*staged); !committed) return stop(committed.error());
  return std::move(*staged).written();
}

Result<void> RocksLog::commit(const Staged& staged) {
  rocksdb::WriteBatch batch;
  for (const auto& [record, stored, takes_name] : staged.records) {
    batch.Put(rocks::record_key(record.position), stored);
    batch.Put(rocks::stream_key(record.stream, record.version), std::to_string(record.position));
    if (takes_name)
      batch.Put(rocks::name_key(record.stream.entity, record.workspace, record.name, record.position), record.stream.id);
  }
  for (const auto& [stream, head] : staged.heads) batch.Put(rocks::head_key(stream), encode_head(head));
  for (const auto& [command, receipt] : staged.receipts) batch.Put(rocks::receipt_key(command), encode_receipt(receipt));

  rocksdb::WriteOptions write;
  write.sync = options_.sync;
  if (const auto status = db_->Write(write, &batch); !status.ok())
    return rocks::to_error(status, "writing to " + options_.directory.string());
  {
    const std::lock_guard lock(head_mutex_);
    head_ = staged.head;
  }
  time_ = staged.time;
  return staged.records.empty() ? Result<void>{} : mark_anchor();
}

Result<void> RocksLog::mark_anchor() {
  if (!anchor_) return {};
  if (auto written = anchor_->write({log_id_, head_.position, head_.hash}); !written)
    return with_context(written.error(), "writing the high-water mark");
  if (++commits_unsynced_ < commits_per_anchor_sync) return {};
  commits_unsynced_ = 0;
  if (auto synced = anchor_->sync(); !synced) return with_context(synced.error(), "syncing the high-water mark");
  return {};
}

// A failed write or sync leaves the page cache in a state that nobody knows: pages that never reached the disk can be
// marked clean. So it is never tried again; whoever restarts reads what the disk really has.
Error RocksLog::stop(Error error) {
  stopped_by_ = error.message;
  return error;
}

Result<std::optional<std::string>> RocksLog::get(const std::string& key) const {
  std::string value;
  const auto status = db_->Get({}, key, &value);
  if (status.IsNotFound()) return std::optional<std::string>{};
  if (!status.ok()) return rocks::to_error(status, "reading " + options_.directory.string());
  return std::optional(std::move(value));
}

Result<std::optional<Receipt>> RocksLog::find_receipt(const CommandKey& command) const {
  const auto stored = get(rocks::receipt_key(command));
  if (!stored) return stored.error();
  if (!*stored) return std::optional<Receipt>{};
  auto receipt = decode_receipt(command, **stored);
  if (!receipt) return receipt.error();
  return std::optional(std::move(*receipt));
}

Result<std::optional<StreamHead>> RocksLog::find_head(const StreamKey& stream) const {
  const auto stored = get(rocks::head_key(stream));
  if (!stored) return stored.error();
  if (!*stored) return std::optional<StreamHead>{};
  auto head = decode_head(**stored);
  if (!head) return with_context(head.error(), stream.entity + " " + stream.id);
  return std::optional(std::move(*head));
}

Head RocksLog::head() const {
  const std::lock_guard lock(head_mutex_);
  return head_;
}

Result<Record> RocksLog::record_at(Position position) const {
  const auto stored = get(rocks::record_key(position));
  if (!stored) return with_context(stored.error(), "position " + std::to_string(position));
  if (!*stored) return corrupt("position " + std::to_string(position) + ": is missing");
  return decode_record_at(position, **stored);
}

Result<std::vector<Record>> RocksLog::read(Position from, std::size_t count_max) const {
  from = std::max<Position>(from, 1);
  const Position last = head().position;
  std::vector<Record> records;
  if (from > last || count_max == 0) return records;

  Chain chain;
  if (from > 1) {  // one record more, so that the first one's link is checked too
    const auto before = record_at(from - 1);
    if (!before) return before.error();
    chain = Chain(*before);
  }
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
  const Position until = static_cast<std::size_t>(last - from) < count_max ? last : from + static_cast<Position>(count_max) - 1;
  records.reserve(static_cast<std::size_t>(until - from + 1));
  for (it->Seek(rocks::record_key(from)); chain.head().position < until; it->Next()) {
    const std::string missing = "position " + std::to_string(chain.head().position + 1);
    if (!it->Valid() && !it->status().ok())
      return with_context(rocks::to_error(it->status(), "reading " + options_.directory.string()), missing);
    if (!it->Valid() || !it->key().starts_with(slice(rocks::record_prefix))) return corrupt(missing + ": is missing");
    auto record = chain.next(rocks::number_at_end(view(it->key())).value_or(0), view(it->value()));
    if (!record) return record.error();
    records.push_back(std::move(*record));
  }
  return records;
}

Result<std::vector<Record>> RocksLog::read_stream(const StreamKey& stream, Version from, std::size_t count_max) const {
  from = std::max<Version>(from, 1);
  std::vector<Record> records;
  const auto head = find_head(stream);
  if (!head) return head.error();
  const Version last = *head ? (*head)->version : 0;
  if (from > last || count_max == 0) return records;

  const std::string name = stream.entity + " " + stream.id;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
  it->Seek(rocks::stream_key(stream, from));
  for (Version version = from; version <= last && records.size() < count_max; ++version, it->Next()) {
    if (!it->Valid() && !it->status().ok()) return rocks::to_error(it->status(), "reading the index of " + name);
    if (!it->Valid() || view(it->key()) != rocks::stream_key(stream, version))
      return corrupt("version " + std::to_string(version) + " of " + name + " is missing in the index of streams");
    auto record = record_at(std::atoll(it->value().ToString().c_str()));
    if (!record) return with_context(record.error(), "version " + std::to_string(version) + " of " + name);
    if (record->stream != stream || record->version != version)
      return corrupt("version " + std::to_string(version) + " of " + name + " points to position " +
                     std::to_string(record->position) + ", which is another event");
    records.push_back(std::move(*record));
  }
  return records;
}

Result<std::vector<StreamKey>> RocksLog::streams_of(const std::string& entity, const std::string& workspace,
                                                    const std::string& name) const {
  const std::string prefix = rocks::name_keys_of(entity, workspace, name);
  std::vector<StreamKey> streams;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    StreamKey stream{entity, it->value().ToString()};
    std::erase(streams, stream);  // a stream that came back to a name stands where it took it last
    streams.push_back(std::move(stream));
  }
  if (!it->status().ok()) return rocks::to_error(it->status(), "reading the index of names");
  return streams;
}

Result<Position> RocksLog::position_at(Timestamp time) const {
  // Time never runs backwards from one position to the next, so the records are their own index.
  Position low = 0, high = head().position;  // the answer is in [low, high]
  while (low < high) {
    const Position middle = low + (high - low + 1) / 2;
    const auto record = record_at(middle);
    if (!record) return record.error();
    if (record->time <= time) low = middle;
    else high = middle - 1;
  }
  return low;
}

}  // namespace luthier::log
