// How a log is opened: what must be true before it serves anything.
#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <array>
#include <random>

#include "events/log/chain.hpp"
#include "events/log/record.hpp"
#include "events/log/rocks_keys.hpp"
#include "events/log/rocks_log.hpp"

namespace luthier::log {
namespace {

constexpr Position progress_interval = 1 << 16;

std::string random_log_id() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) {
    std::array<char, 9> digits;
    std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(random()));
    id += digits.data();
  }
  return id;
}

// RocksDB makes a new database where CURRENT is missing, and then deletes the files of the old one as leftovers. So it may
// make one only where there is none.
Result<bool> holds_database(rocksdb::Env& env, const std::string& directory) {
  std::vector<std::string> names;
  const auto status = env.GetChildren(directory, &names);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return rocks::to_error(status, "reading " + directory);
  for (const auto& name : names)
    if (name == "CURRENT" || name.ends_with(".sst") || name.ends_with(".log")) return true;
  return false;  // a MANIFEST alone is a creation that a power cut interrupted
}

// The directory's own name must survive a power cut as well as what RocksDB syncs in it.
Result<void> make_directory(rocksdb::Env& env, const std::filesystem::path& directory) {
  if (const auto status = env.CreateDirIfMissing(directory.string()); !status.ok())
    return rocks::to_error(status, "making " + directory.string());
  std::unique_ptr<rocksdb::Directory> parent;
  const auto parent_path = directory.has_parent_path() ? directory.parent_path().string() : ".";
  auto status = env.NewDirectory(parent_path, &parent);
  if (status.ok()) status = parent->Fsync();
  if (!status.ok()) return rocks::to_error(status, "syncing " + parent_path);
  return {};
}

// RocksDB itself would end reading at some kinds of damage as if the log ended there, and serve what is left.
Result<void> refuse_damaged_journals(rocksdb::Env& env, const RocksLogOptions& options) {
  const auto files = rocks::check_journals(env, options.directory.string());
  if (!files) return files.error();
  for (const auto& [path, state] : *files) {
    const std::string place = path + ": the record at byte " + std::to_string(state.offset);
    if (state.kind == JournalState::damaged || state.kind == JournalState::disordered)
      return Error{ErrorCode::corrupt, place + (state.kind == JournalState::damaged ? " was changed" : " is out of order") + "; 'luthier audit verify' names the first position that does not "
                                               "verify; restore the log from a backup", {}};
    if (state.kind == JournalState::torn && options.on_warning)
      options.on_warning(place + " is not whole, as a power cut leaves it; it is dropped unless it was acknowledged");
  }
  return {};
}

Result<std::shared_ptr<Anchor>> open_anchor(const RocksLogOptions& options) {
  if (options.anchor || options.anchor_file.empty()) return options.anchor;
  auto file = FileAnchor::open(options.anchor_file);
  if (!file) return with_context(file.error(), "opening the high-water mark");
  return std::shared_ptr<Anchor>(std::move(*file));
}

Error behind_anchor(const RocksLogOptions& options, Position log, Position anchor) {
  return {ErrorCode::corrupt, options.directory.string() + ": the log ends at position " + std::to_string(log) +
                                  ", but position " + std::to_string(anchor) + " was acknowledged (" +
                                  options.anchor_file.string() + "); its tail was cut off. Restore the log from a backup; to "
                                  "go on without the lost events, remove the anchor", {}};
}

}  // namespace

Result<std::unique_ptr<RocksLog>> RocksLog::open(const RocksLogOptions& options) {
  auto anchor = open_anchor(options);
  if (!anchor) return anchor.error();
  std::unique_ptr<RocksLog> log(new RocksLog(options, std::move(*anchor)));
  const auto mark = log->anchor_ ? log->anchor_->read() : std::optional<AnchorMark>{};
  if (!mark) return mark.error();
  if (auto opened = log->open_database(*mark); !opened) return opened.error();
  if (auto read = log->read_identity(*mark); !read) return read.error();
  if (auto verified = log->verify_chain(); !verified) return verified.error();
  if (auto compared = log->compare_with_anchor(*mark); !compared) return compared.error();
  return log;
}

Result<void> RocksLog::open_database(const std::optional<AnchorMark>& mark) {
  rocksdb::Env& env = options_.env ? *options_.env : *rocksdb::Env::Default();
  const std::string directory = options_.directory.string();
  const auto exists = holds_database(env, directory);
  if (!exists) return exists.error();
  if (!*exists) {
    if (mark && mark->position > 0) return behind_anchor(options_, 0, mark->position);
    if (auto made = make_directory(env, options_.directory); !made) return made;
  }
  if (*exists)
    if (auto checked = refuse_damaged_journals(env, options_); !checked) return checked;
  auto settings = rocks::options({options_.env, options_.write_buffer_bytes, options_.background_work});
  settings.create_if_missing = !*exists;
  rocksdb::DB* db = nullptr;
  if (const auto status = rocksdb::DB::Open(settings, directory, &db); !status.ok())
    return rocks::to_error(status, "opening " + directory);
  db_.reset(db);
  return {};
}

Result<void> RocksLog::read_identity(const std::optional<AnchorMark>& mark) {
  const auto format = get(std::string(rocks::format_key)), id = get(std::string(rocks::log_id_key));
  if (!format) return format.error();
  if (!id) return id.error();
  const std::string directory = options_.directory.string();
  if (*format && **format != rocks::format)
    return Error{ErrorCode::conflict, directory + ": is in format " + **format + "; this version of luthier reads format " +
                                          std::string(rocks::format), {}};
  if (*format && *id) {
    log_id_ = **id;
    return {};
  }
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
  it->SeekToFirst();
  if (*format || *id || it->Valid() || !it->status().ok())
    return Error{ErrorCode::corrupt, directory + ": is not an event log, or has lost its format and id", {}};
  if (mark && mark->position > 0) return behind_anchor(options_, 0, mark->position);  // and nothing was written to it
  log_id_ = options_.log_id.empty() ? random_log_id() : options_.log_id;
  rocksdb::WriteBatch batch;
  batch.Put(std::string(rocks::format_key), std::string(rocks::format));
  batch.Put(std::string(rocks::log_id_key), log_id_);
  rocksdb::WriteOptions write;
  write.sync = options_.sync;
  if (const auto status = db_->Write(write, &batch); !status.ok()) return rocks::to_error(status, "writing to " + directory);
  return {};
}

Result<void> RocksLog::verify_chain() {
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  read.readahead_size = 2 << 20;
  const std::string prefix(rocks::record_prefix), end = rocks::end_of(prefix);
  const rocksdb::Slice upper_bound(end);
  read.iterate_upper_bound = &upper_bound;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read));

  it->SeekToLast();
  const Position total = it->Valid() ? rocks::number_at_end(it->key().ToStringView()).value_or(0) : 0;
  Chain chain;
  for (it->Seek(prefix); it->Valid(); it->Next()) {
    const auto record = chain.next(rocks::number_at_end(it->key().ToStringView()).value_or(0), it->value().ToStringView());
    if (!record) return with_context(record.error(), options_.directory.string());
    if (options_.on_progress && record->position % progress_interval == 0) options_.on_progress(record->position, total);
  }
  if (!it->status().ok())
    return with_context(rocks::to_error(it->status(), "position " + std::to_string(chain.head().position + 1)),
                        "verifying " + options_.directory.string());
  if (options_.on_progress) options_.on_progress(chain.head().position, total);
  head_ = chain.head();
  time_ = chain.time();
  return {};
}

Result<void> RocksLog::compare_with_anchor(const std::optional<AnchorMark>& mark) {
  if (!anchor_) return {};
  const auto position = mark ? mark->position : 0;
  if (!mark && head_.position > 0 && options_.on_warning)
    options_.on_warning(options_.anchor_file.string() + ": the high-water mark was missing or unreadable; it is made again at position " +
                        std::to_string(head_.position) + ", and a tail that was cut off before now is not noticed");
  if (position > 0 && mark->log_id != log_id_)
    return Error{ErrorCode::corrupt, options_.directory.string() + ": is log " + log_id_ + ", but " + options_.anchor_file.string() +
                                         " belongs to log " + mark->log_id + "; put the two that belong together in place", {}};
  if (position > head_.position) return behind_anchor(options_, head_.position, position);
  if (position > 0) {
    const auto record = record_at(position);
    if (!record) return record.error();
    if (record->hash != mark->hash)
      return Error{ErrorCode::corrupt, options_.directory.string() + ": position " + std::to_string(position) +
                                           " is not the record that was acknowledged; the log was written anew", {}};
  }
  if (auto written = anchor_->write({log_id_, head_.position, head_.hash}); !written) return written;
  return anchor_->sync();
}

}  // namespace luthier::log
