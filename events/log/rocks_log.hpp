// The event log on disk. One writer: `append` is called by one thread at a time (the log actor's); all other calls may come
// from any thread meanwhile and see what has been committed.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "events/log/anchor.hpp"
#include "events/log/event_log.hpp"
#include "events/log/staging.hpp"

namespace rocksdb {
class DB;
class Env;
}  // namespace rocksdb

namespace luthier::log {

struct RocksLogOptions {
  std::filesystem::path directory;    // made if it is not there; its parent must be
  std::filesystem::path anchor_file;  // beside the directory, not in it
  std::shared_ptr<Anchor> anchor = nullptr;  // instead of the file
  rocksdb::Env* env = nullptr;        // null: the real disk. Outlives the log
  std::string log_id = {};            // of a log that is made now; empty: random
  std::size_t write_buffer_bytes = 16 << 20;
  bool background_work = true;  // false in the simulation: what RocksDB does in threads of its own depends on the scheduler
  std::function<void(Position verified, Position total)> on_progress = nullptr;  // while the chain is verified
  std::function<void(const std::string& message)> on_warning = nullptr;

  // For the mutation tests of the simulation alone: a log that breaks its promise, so that a test is seen to notice.
  bool sync = true;
  bool find_duplicates = true;
};

class RocksLog final : public EventLog, private Committed {
 public:
  // Verifies the whole chain and compares it with the anchor before it serves anything. `conflict`: somebody else has the
  // directory open. `corrupt`: a record does not verify, or the log ends before what was acknowledged. Nothing is repaired
  // silently.
  static Result<std::unique_ptr<RocksLog>> open(const RocksLogOptions& options);
  ~RocksLog() override;

  Result<Written> append(std::span<const Append> appends, Timestamp now) override;
  Result<std::optional<Receipt>> find_receipt(const CommandKey& command) const override;
  Head head() const override;
  Result<std::vector<Record>> read(Position from, std::size_t count_max) const override;
  Result<std::vector<Record>> read_stream(const StreamKey& stream, Version from, std::size_t count_max) const override;
  Result<std::vector<StreamKey>> streams_of(const std::string& entity, const std::string& workspace,
                                            const std::string& name) const override;
  Result<Position> position_at(Timestamp time) const override;

  const std::string& log_id() const { return log_id_; }

 private:
  RocksLog(RocksLogOptions options, std::shared_ptr<Anchor> anchor);
  Result<void> open_database(const std::optional<AnchorMark>& mark);
  Result<void> read_identity(const std::optional<AnchorMark>& mark);
  Result<void> verify_chain();
  Result<void> compare_with_anchor(const std::optional<AnchorMark>& mark);
  Result<std::optional<StreamHead>> find_head(const StreamKey& stream) const override;
  Result<std::optional<std::string>> get(const std::string& key) const;
  Result<Record> record_at(Position position) const;
  Result<void> commit(const Staged& staged);
  Result<void> mark_anchor();
  Error stop(Error error);

  RocksLogOptions options_;
  std::shared_ptr<Anchor> anchor_;
  std::unique_ptr<rocksdb::DB> db_;
  std::string log_id_;
  Timestamp time_ = 0;  // of the last record
  int commits_unsynced_ = 0;  // since the anchor was synced
  std::optional<std::string> stopped_by_;  // the error after which nothing is accepted any more

  mutable std::mutex head_mutex_;
  Head head_;
};

}  // namespace luthier::log
