// Keys and RocksDB settings that the writer and the verifier share. FORMAT.md describes the keys.
#pragma once

#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/ids.hpp"
#include "events/base/result.hpp"
#include "events/log/journal.hpp"

namespace luthier::log::rocks {

inline constexpr std::string_view format_key = "meta/format", log_id_key = "meta/log_id", format = "1";
inline constexpr std::string_view record_prefix = "record/", stream_prefix = "stream/", head_prefix = "head/",
                                  name_prefix = "name/", receipt_prefix = "receipt/";

std::string record_key(Position position);
std::string stream_keys_of(const StreamKey& stream);  // what all keys of its index begin with
std::string stream_key(const StreamKey& stream, Version version);
std::string head_key(const StreamKey& stream);
std::string name_keys_of(const std::string& entity, const std::string& workspace, const std::string& name);
std::string name_key(const std::string& entity, const std::string& workspace, const std::string& name, Position taken_at);
std::string receipt_key(const CommandKey& command);

// The number that the last eight bytes of a record, stream or name key spell.
std::optional<std::int64_t> number_at_end(std::string_view key);
std::optional<StreamKey> parse_head_key(std::string_view key);
std::optional<CommandKey> parse_receipt_key(std::string_view key);
// The first key after all that begin with `prefix`.
std::string end_of(std::string prefix);

struct Tuning {
  rocksdb::Env* env = nullptr;
  std::size_t write_buffer_bytes = 16 << 20;
  bool background_work = true;
};
rocksdb::Options options(const Tuning& tuning);

// The journals that must be read before any record can be: the write-ahead logs, and the MANIFEST that CURRENT names.
struct JournalFile {
  std::string path;
  JournalState state;
};
Result<std::vector<JournalFile>> check_journals(rocksdb::Env& env, const std::string& directory);

std::string one_line(const rocksdb::Status& status);
// One line for the operator, with the code that fits. `doing`: "writing to /data/log".
Error to_error(const rocksdb::Status& status, const std::string& doing);

}  // namespace luthier::log::rocks
