// What an append comes to, worked out before a byte is written: positions, versions, hashes, receipts, conflicts. Pure but
// for the two questions it asks of the log; the RocksDB log and the in-memory twin share it, so that they cannot differ.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "events/log/event_log.hpp"
#include "events/log/receipt.hpp"

namespace luthier::log {

// Bounds; beyond them an append is refused with `limit` or `invalid`, and the rest of its batch goes on.
inline constexpr std::size_t key_part_bytes_max = 1024;          // an entity, id, name, workspace, principal, command id
inline constexpr std::size_t record_data_bytes_max = 4 << 20;    // data of one event
inline constexpr std::size_t events_per_append_max = 10'000;

// The log as it stands on disk.
class Committed {
 public:
  virtual ~Committed() = default;
  virtual Result<std::optional<Receipt>> find_receipt(const CommandKey& command) const = 0;
  virtual Result<std::optional<StreamHead>> find_head(const StreamKey& stream) const = 0;
};

struct StagedRecord {
  Record record;
  std::string stored;
  bool takes_name;  // the stream's first event, or the first one under another name
};

struct Staged {
  std::vector<StagedRecord> records;
  std::map<CommandKey, Receipt> receipts;
  std::map<StreamKey, StreamHead> heads;
  std::vector<Result<Receipt>> answers;  // one per append
  Head head;
  Timestamp time = 0;
  bool is_empty() const { return receipts.empty() && records.empty(); }
  Written written() &&;  // once it is
};

struct StageOptions {
  bool find_duplicates = true;  // false only where a test must see the simulation fail
};

// `head` and `time` are those of the last record. The outer error is the log's own: it could not be read.
Result<Staged> stage(std::span<const Append> appends, Timestamp now, const Committed& committed, const Head& head,
                     Timestamp time, StageOptions options = {});

}  // namespace luthier::log
