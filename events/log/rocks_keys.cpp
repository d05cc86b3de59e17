#include "events/log/rocks_keys.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <algorithm>

namespace luthier::log::rocks {
namespace {

// Big-endian, so that the order of keys is the order of numbers.
void append_number(std::string& out, std::int64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(static_cast<std::uint64_t>(number) >> shift & 0xff);
}

std::string joined(std::string_view prefix, std::initializer_list<std::string_view> parts) {
  std::string key(prefix);
  for (const auto part : parts) (key += part) += '\0';
  return key;
}

std::optional<std::string> take_part(std::string_view& key) {
  const auto end = key.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  std::string part(key.substr(0, end));
  key.remove_prefix(end + 1);
  return part;
}

// RocksDB's diary of itself: megabytes that nobody of ours reads, and a file more at each start.
class NoDiary final : public rocksdb::Logger {
 public:
  NoDiary() : rocksdb::Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::BlockBasedTableOptions table_options() {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));  // nearly all command ids and half of the streams are new
  // Indexes and filters in small pieces, in the same cache as the data: memory has a bound, whatever the log's length. In one
  // piece they would be larger than a shard of the cache and be read again for every key.
  table.cache_index_and_filter_blocks = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.block_cache = rocksdb::NewLRUCache(32 << 20, 2);
  return table;
}

}  // namespace

std::string record_key(Position position) {
  std::string key(record_prefix);
  append_number(key, position);
  return key;
}

std::string stream_keys_of(const StreamKey& stream) { return joined(stream_prefix, {stream.entity, stream.id}); }

std::string stream_key(const StreamKey& stream, Version version) {
  std::string key = stream_keys_of(stream);
  append_number(key, version);
  return key;
}

std::string head_key(const StreamKey& stream) { return joined(head_prefix, {stream.entity, stream.id}); }

std::string name_keys_of(const std::string& entity, const std::string& workspace, const std::string& name) {
  return joined(name_prefix, {entity, workspace, name});
}

std::string name_key(const std::string& entity, const std::string& workspace, const std::string& name, Position taken_at) {
  std::string key = name_keys_of(entity, workspace, name);
  append_number(key, taken_at);
  return key;
}

std::string receipt_key(const CommandKey& command) {
  return joined(receipt_prefix, {command.principal, command.workspace, command.id});
}

std::optional<std::int64_t> number_at_end(std::string_view key) {
  if (key.size() < 8) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : key.substr(key.size() - 8)) number = number << 8 | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(number);
}

std::optional<StreamKey> parse_head_key(std::string_view key) {
  key.remove_prefix(std::min(head_prefix.size(), key.size()));
  auto entity = take_part(key), id = take_part(key);
  if (!entity || !id || !key.empty()) return std::nullopt;
  return StreamKey{std::move(*entity), std::move(*id)};
}

std::optional<CommandKey> parse_receipt_key(std::string_view key) {
  key.remove_prefix(std::min(receipt_prefix.size(), key.size()));
  auto principal = take_part(key), workspace = take_part(key), id = take_part(key);
  if (!principal || !workspace || !id || !key.empty()) return std::nullopt;
  return CommandKey{std::move(*principal), std::move(*workspace), std::move(*id)};
}

std::string end_of(std::string prefix) {
  // All our prefixes end in '/' or NUL, so the last byte can always be raised.
  prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

rocksdb::Options options(const Tuning& tuning) {
  rocksdb::Options options;
  if (tuning.env) options.env = tuning.env;
  // The default mode drops everything after one flipped bit and opens with OK. This one refuses the flip and accepts only
  // an incomplete last record, which is what a power cut leaves of a write that nobody was told of.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.max_bgerror_resume_count = 0;  // after an error we stop; RocksDB's own resumption can repeat WAL entries
  options.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();  // lets the verifier check whole files
  options.compression = rocksdb::kNoCompression;  // grep finds an event in the files
  options.write_buffer_size = tuning.write_buffer_bytes;
  options.arena_block_size = 64 << 10;
  options.memtable_whole_key_filtering = true;  // as below, for what is not in a file yet
  options.memtable_prefix_bloom_size_ratio = 0.02;
  options.max_write_buffer_number = 2;
  options.max_background_jobs = 2;
  options.max_file_opening_threads = 1;
  options.max_open_files = 256;
  options.keep_log_file_num = 1;
  options.info_log = std::make_shared<NoDiary>();
  options.stats_dump_period_sec = 0;  // each would start a thread
  options.stats_persist_period_sec = 0;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options()));
  if (!tuning.background_work) {
    options.disable_auto_compactions = true;
    options.level0_slowdown_writes_trigger = options.level0_stop_writes_trigger = 1 << 30;
  }
  return options;
}

Result<std::vector<JournalFile>> check_journals(rocksdb::Env& env, const std::string& directory) {
  std::vector<std::string> names;
  if (const auto status = env.GetChildren(directory, &names); !status.ok()) return to_error(status, "reading " + directory);
  std::string current;
  if (const auto status = rocksdb::ReadFileToString(&env, directory + "/CURRENT", &current); !status.ok())
    return to_error(rocksdb::Status::Corruption(one_line(status)), "reading " + directory + "/CURRENT");
  while (!current.empty() && current.back() == '\n') current.pop_back();

  std::sort(names.begin(), names.end());
  std::vector<JournalFile> files;
  for (const auto& name : names) {
    if (name != current && !name.ends_with(".log")) continue;
    std::string bytes;
    const std::string path = directory + "/" + name;
    if (!rocksdb::ReadFileToString(&env, path, &bytes).ok()) continue;  // deleted meanwhile, or RocksDB will complain
    files.push_back({path, check_journal(bytes, name == current ? JournalUse::manifest : JournalUse::write_ahead_log)});
  }
  return files;
}

std::string one_line(const rocksdb::Status& status) {
  std::string text = status.ToString();
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return text;
}

Error to_error(const rocksdb::Status& status, const std::string& doing) {
  const std::string text = one_line(status);
  if (status.IsNoSpace()) return {ErrorCode::io, doing + ": the disk is full; free space, then restart (" + text + ")", {}};
  if (text.find("lock hold by current process") != std::string::npos || text.find("While lock file") != std::string::npos)
    return {ErrorCode::conflict, doing + ": another process has it open; there is one writer, stop that one first (" + text + ")", {}};
  if (status.IsCorruption() || text.find("create_if_missing is false") != std::string::npos)
    return {ErrorCode::corrupt, doing + ": a file is damaged (" + text + "); 'luthier audit verify' names the first position "
                                "that does not verify; restore the log from a backup", {}};
  return {ErrorCode::io, doing + ": " + text, {}};
}

}  // namespace luthier::log::rocks
