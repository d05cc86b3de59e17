#include "events/log/verify.hpp"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "events/log/anchor.hpp"
#include "events/log/chain.hpp"
#include "events/log/derived.hpp"
#include "events/log/journal.hpp"
#include "events/log/receipt.hpp"
#include "events/log/record.hpp"
#include "events/log/rocks_keys.hpp"

namespace luthier::log {
namespace {

constexpr std::size_t findings_max = 20;
constexpr Position progress_interval = 1 << 14;
constexpr int attempts_max = 10;

using WalMode = rocksdb::WALRecoveryMode;

std::optional<std::uint64_t> beginning_of(const Hash& hash) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(hash.data(), hash.data() + std::min<std::size_t>(hash.size(), 16), value, 16);
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

class Verification {
 public:
  Verification(std::filesystem::path directory, const VerifyOptions& options)
      : directory_(directory.has_filename() ? directory : directory.parent_path()), options_(options), env_(options.env ? options.env : rocksdb::Env::Default()) {}

  VerifyReport run() {
    if (!env_->FileExists(directory_.string()).ok()) {  // RocksDB would make the directory, even when it may only read
      find(std::nullopt, directory_.string() + ": there is no such directory");
      return std::move(report_);
    }
    read_anchor();  // before the log, which may grow meanwhile
    if (open()) {
      read_identity();
      verify_records();
      if (chain_is_whole_) verify_indexes();
      verify_files();
    }
    compare_with_anchor();
    if (!report_.first_bad) report_.first_bad = first_bad_in_index_;
    for (auto& finding : index_findings_)
      if (report_.findings.size() < findings_max) report_.findings.push_back(std::move(finding));
    report_.ok = report_.findings.empty();
    return std::move(report_);
  }

 private:
  // Something in the log's files or about one of its records.
  void find(std::optional<Position> position, std::string message) {
    if (position && (!report_.first_bad || *position < *report_.first_bad)) report_.first_bad = position;
    if (report_.findings.size() < findings_max) report_.findings.push_back(std::move(message));
  }
  // Something in what is derived from the records. A damaged record shows up here too, by positions that are themselves
  // whole, so these speak only after the records.
  void find_in_index(std::optional<Position> position, std::string message) {
    if (position && (!first_bad_in_index_ || *position < *first_bad_in_index_)) first_bad_in_index_ = position;
    if (index_findings_.size() < findings_max) index_findings_.push_back(std::move(message));
  }
  std::string at(Position position) const { return "position " + std::to_string(position); }

  // Opening.

  void read_anchor() {
    const auto file = options_.anchor_file.empty() ? directory_.parent_path() / "anchor" : options_.anchor_file;
    anchor_name_ = file.string();
    auto mark = read_anchor_file(file);
    if (!mark) report_.notes.push_back(mark.error().message);
    else mark_ = std::move(*mark);
    if (!mark_) report_.notes.push_back(anchor_name_ + ": no high-water mark, so a tail that was cut off cannot be noticed");
  }

  bool open() {
    std::string seen;
    for (int attempt = 1; attempt <= attempts_max; ++attempt) {
      file_findings_.clear();
      const auto journals = journal_names();
      journals_ = check_journals();
      if (journals_ == JournalState::clean && open_database(WalMode::kAbsoluteConsistency)) {
        // A server that has put a journal's events into a table deletes it. Between the two lists that opening reads, that of the tables and
        // that of the journals, this leaves a hole where nothing is missing.
        const auto now = journal_names();
        if (attempt == attempts_max || std::includes(now.begin(), now.end(), journals.begin(), journals.end())) return true;
      } else {
        const auto now = list_files();
        if (attempt > 1 && now == seen) break;
        seen = now;
      }
      std::this_thread::sleep_for(options_.patience);
    }
    // The trouble stays, so it is not a server at work. What can still be read tells the position.
    for (const auto& finding : file_findings_) find(std::nullopt, finding);
    if (journals_ == JournalState::torn && open_database(WalMode::kTolerateCorruptedTailRecords)) return true;
    if (!open_error_.empty()) find(std::nullopt, open_error_);
    if (journals_ != JournalState::disordered && open_database(WalMode::kSkipAnyCorruptedRecords)) return true;
    find(std::nullopt, directory_.string() + ": cannot be opened at all, so no position can be named");
    return false;
  }

  std::vector<std::string> journal_names() const {
    std::vector<std::string> names;
    if (!env_->GetChildren(directory_.string(), &names).ok()) return {};
    std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
    std::sort(names.begin(), names.end());
    return names;
  }

  // Names and lengths: what changes while a server is at work.
  std::string list_files() const {
    std::vector<std::string> names;
    if (!env_->GetChildren(directory_.string(), &names).ok()) return {};
    std::sort(names.begin(), names.end());
    std::string list;
    for (const auto& name : names) {
      std::uint64_t bytes = 0;
      if (env_->GetFileSize((directory_ / name).string(), &bytes).ok()) list += name + " " + std::to_string(bytes) + "\n";
    }
    return list;
  }

  // The worst state of the journals. What a power cut leaves is judged later.
  JournalState::Kind check_journals() {
    const auto files = rocks::check_journals(*env_, directory_.string());
    if (!files) {
      file_findings_.push_back(files.error().message);
      return JournalState::damaged;
    }
    auto worst = JournalState::clean;
    for (const auto& [path, state] : *files) {
      worst = std::max(worst, state.kind);
      if (state.kind == JournalState::torn) torn_name_ = path;
      const std::string record = path + ": the record at byte " + std::to_string(state.offset);
      if (state.kind == JournalState::damaged) file_findings_.push_back(record + " was changed");
      if (state.kind == JournalState::disordered) file_findings_.push_back(record + " is out of order: it was copied or moved");
    }
    return worst;
  }

  bool open_database(WalMode mode) {
    auto settings = rocks::options({options_.env});
    settings.wal_recovery_mode = mode;
    settings.max_open_files = -1;  // all at once, so that a server at work cannot delete one before it is read
    rocksdb::DB* db = nullptr;
    const auto status = rocksdb::DB::OpenForReadOnly(settings, directory_.string(), &db);
    if (!status.ok()) open_error_ = directory_.string() + ": " + rocks::one_line(status);
    db_.reset(db);
    return status.ok();
  }

  void read_identity() {
    std::string format, id;
    const auto format_status = db_->Get({}, std::string(rocks::format_key), &format);
    const auto id_status = db_->Get({}, std::string(rocks::log_id_key), &id);
    if (!format_status.ok() || !id_status.ok())
      find(std::nullopt, directory_.string() + ": is not an event log, or its format and id cannot be read");
    else if (format != rocks::format)
      find(std::nullopt, directory_.string() + ": is in format " + format + "; this version of luthier reads format " +
                             std::string(rocks::format));
    report_.log_id = id;
  }

  // Records.

  struct Iteration {
    explicit Iteration(rocksdb::DB& db, std::string_view prefix) : prefix(prefix), end(rocks::end_of(this->prefix)), bound(end) {
      rocksdb::ReadOptions read;
      read.fill_cache = false;
      read.readahead_size = 2 << 20;
      read.iterate_upper_bound = &bound;
      it.reset(db.NewIterator(read));
    }
    std::string prefix, end;
    rocksdb::Slice bound;
    std::unique_ptr<rocksdb::Iterator> it;
  };

  // Every record that verifies, in order; then whether the chain went on to the end of what is there.
  bool walk(const std::function<void(const Record&)>& take) {
    Iteration records(*db_, rocks::record_prefix);
    auto& it = *records.it;
    it.SeekToLast();
    const Position total = it.Valid() ? rocks::number_at_end(it.key().ToStringView()).value_or(0) : 0;
    chain_ = Chain();
    for (it.Seek(records.prefix); it.Valid(); it.Next()) {
      const auto record = chain_.next(rocks::number_at_end(it.key().ToStringView()).value_or(0), it.value().ToStringView());
      if (!record) {
        find(chain_.head().position + 1, record.error().message);
        return false;
      }
      take(*record);
      if (options_.on_progress && record->position % progress_interval == 0) options_.on_progress(record->position, total);
    }
    if (it.status().ok()) return true;
    const Position next = chain_.head().position + 1;
    find(next, at(next) + ": cannot be read (" + rocks::one_line(it.status()) + ")");
    return false;
  }

  void verify_records() {
    Derivation derivation([&](const IndexEntry& entry) { expected_[entry.index].add(entry.key, entry.value); });
    chain_is_whole_ = walk([&](const Record& record) {
      if (auto taken = derivation.take(record); !taken) find(record.position, taken.error().message);
      hashes_.push_back(*beginning_of(record.hash));  // the chain has checked its form
    });
    derivation.finish();
    heads_ = derivation.heads();
    const Position next = chain_.head().position + 1;
    report_.head = chain_.head();
    report_.head_time = next > 1 ? chain_.time() : 0;
    if (options_.on_progress) options_.on_progress(next - 1, next - 1);
    // No gap shows, so what the damaged bytes held was the tail.
    if (chain_is_whole_ && !report_.first_bad && !file_findings_.empty())
      find(next, at(next) + ": what stood here, if anything did, was in the damaged bytes");
    if (chain_is_whole_ && journals_ == JournalState::torn) judge_torn_tail(next);
  }

  // A power cut leaves an incomplete record that nobody was told of; a changed byte can make an acknowledged one look the
  // same. The mark outside the log tells them apart.
  void judge_torn_tail(Position next) {
    if (mark_ && mark_->position < next)
      report_.notes.push_back(torn_name_ + ": ends in an incomplete record, which was never acknowledged; the next start removes it");
    else
      find(next, at(next) + ": " + torn_name_ + " ends in a record that is cut short or was changed; " +
                     (mark_ ? "it was acknowledged" : "without a high-water mark it cannot be told whether it was acknowledged"));
  }

  // Indexes.

  template <class Take>
  bool scan(std::string_view prefix, Take take) {
    Iteration entries(*db_, prefix);
    for (entries.it->Seek(entries.prefix); entries.it->Valid(); entries.it->Next())
      take(entries.it->key().ToStringView(), entries.it->value().ToStringView());
    return entries.it->status().ok();
  }

  // Each index is read once, in its own order. Only where it is not what the records make of it, entries are looked up one by
  // one, to name positions.
  void verify_indexes() {
    bool are_equal = true;
    std::map<Index, Fingerprint> found;
    for (const Index index : indexes) {
      auto& fingerprint = found[index];
      const bool is_readable = scan(key_prefix(index), [&](std::string_view key, std::string_view value) {
        if (index != Index::receipts) fingerprint.add(key, value);
        else take_receipt(key, value, fingerprint);
      });
      are_equal = are_equal && is_readable && fingerprint == expected_[index];
      if (!is_readable) find_in_index(std::nullopt, std::string(to_string(index)) + " cannot be read to its end");
    }
    if (!are_equal) look_up_entries();
    for (const Index index : indexes)
      if (found[index].count() != expected_[index].count())
        find_in_index(std::nullopt, std::string(to_string(index)) + " has " + std::to_string(found[index].count()) +
                                        " entries; the records make " + std::to_string(expected_[index].count()));
    verify_heads();
  }

  // Receipts with events must be what the events make of them. The others must name a hash that the chain has.
  void take_receipt(std::string_view key, std::string_view stored, Fingerprint& fingerprint) {
    const auto receipt = comparable_receipt(key, stored);
    if (!receipt) return find_in_index(std::nullopt, "the table of receipts has an entry that is damaged");
    if (!receipt->events.empty()) return fingerprint.add(key, encode_receipt(*receipt));
    const Position position = receipt->position;
    const std::string of = "the receipt of command '" + receipt->command.id + "' names";
    if (position < 0 || position > static_cast<Position>(hashes_.size()))
      return find_in_index(std::nullopt, of + " " + at(position) + ", which is not there");
    const auto known = position == 0 ? 0 : hashes_[static_cast<std::size_t>(position - 1)];
    if (beginning_of(receipt->hash) != known) find_in_index(position, at(position) + ": does not have the hash that " + of);
  }

  void look_up_entries() {
    Derivation derivation([&](const IndexEntry& entry) { look_up(entry); });
    if (walk([&](const Record& record) { (void)derivation.take(record); })) derivation.finish();
  }

  void look_up(const IndexEntry& entry) {
    std::string stored;
    const auto status = db_->Get({}, entry.key, &stored);
    const std::string what = at(entry.position) + ": " + describe(entry);
    if (status.IsNotFound()) return find_in_index(entry.position, what + " is missing");
    if (!status.ok()) return find_in_index(entry.position, what + " cannot be read (" + rocks::one_line(status) + ")");
    if (entry.index == Index::receipts) {
      const auto receipt = comparable_receipt(entry.key, stored);
      if (!receipt) return find_in_index(entry.position, what + " is damaged");
      if (encode_receipt(*receipt) != entry.value)
        find_in_index(entry.position, what + " does not agree with its events (it names " + at(receipt->position) + ")");
    } else if (stored != entry.value) {
      find_in_index(entry.position, what + " says something else");
    }
  }

  static std::string describe(const IndexEntry& entry) {
    if (entry.index != Index::receipts) return "its entry in " + std::string(to_string(entry.index));
    const auto command = rocks::parse_receipt_key(entry.key);
    return "the receipt of command '" + (command ? command->id : "") + "'";
  }

  void verify_heads() {
    Position count = 0;
    const bool is_readable = scan(rocks::head_prefix, [&](std::string_view key, std::string_view value) {
      ++count;
      verify_head(key, value);
    });
    if (!is_readable) find_in_index(std::nullopt, "the table of stream heads cannot be read to its end");
    else if (count != static_cast<Position>(heads_.size()))
      find_in_index(std::nullopt, "the table of stream heads has " + std::to_string(count) + " entries; the records make " +
                                      std::to_string(heads_.size()));
  }

  void verify_head(std::string_view key, std::string_view value) {
    const auto stream = rocks::parse_head_key(key);
    const auto known = stream ? heads_.find(*stream) : heads_.end();
    const auto head = decode_head(value);
    if (known == heads_.end()) find_in_index(std::nullopt, "the table of stream heads has a stream without events");
    else if (!head || *head != known->second)
      find_in_index(known->second.position, at(known->second.position) + ": the head of " + stream->entity + " " + stream->id +
                                       " does not agree with its events");
  }

  // The rest.

  // Whatever the tables hold beside our keys and values: their own indexes, filters, padding.
  void verify_files() {
    std::vector<rocksdb::LiveFileMetaData> tables;
    db_->GetLiveFilesMetaData(&tables);
    for (const auto& table : tables) {
      const std::string file = directory_.string() + table.name;
      const auto sum = checksum_of(file, table.size);
      if (sum.status.IsPathNotFound()) continue;  // it was there and whole when we opened it; a server at work has merged it away
      if (!sum.status.ok()) find_in_index(std::nullopt, file + ": cannot be read (" + rocks::one_line(sum.status) + ")");
      else if (sum.value != table.file_checksum) find_in_index(std::nullopt, file + ": differs from its checksum");
    }
  }

  struct Checksum {
    rocksdb::Status status;
    std::string value;
  };
  Checksum checksum_of(const std::string& file, std::uint64_t bytes) {
    const auto generator = rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({});
    std::unique_ptr<rocksdb::SequentialFile> in;
    auto status = env_->NewSequentialFile(file, &in, {});
    std::string scratch(1 << 20, '\0');
    std::uint64_t done = 0;
    for (rocksdb::Slice piece("-"); status.ok() && !piece.empty(); done += piece.size()) {
      status = in->Read(scratch.size(), &piece, scratch.data());
      if (status.ok()) generator->Update(piece.data(), piece.size());
    }
    if (status.ok() && done != bytes) status = rocksdb::Status::Corruption("it has another length");
    generator->Finalize();
    return {status, generator->GetChecksum()};
  }

  void compare_with_anchor() {
    if (!mark_ || mark_->position == 0 || !db_) return;
    if (!report_.log_id.empty() && mark_->log_id != report_.log_id)
      return find(std::nullopt, anchor_name_ + ": belongs to log " + mark_->log_id + ", this one is " + report_.log_id);
    if (mark_->position > report_.head.position) {
      if (chain_is_whole_)
        find(report_.head.position + 1, at(report_.head.position + 1) + ": is missing: the log ends at " + at(report_.head.position) +
                                            ", but " + at(mark_->position) + " was acknowledged (" + anchor_name_ + ")");
      return;
    }
    std::string stored;
    if (!db_->Get({}, rocks::record_key(mark_->position), &stored).ok() || stored_hash(stored) != mark_->hash)
      find(mark_->position, at(mark_->position) + ": is not the record that was acknowledged (" + anchor_name_ + "); the log was written anew");
  }

  const std::filesystem::path directory_;
  const VerifyOptions& options_;
  rocksdb::Env* env_;
  VerifyReport report_;
  std::string anchor_name_, torn_name_, open_error_;
  std::optional<AnchorMark> mark_;
  JournalState::Kind journals_ = JournalState::clean;
  std::vector<std::string> file_findings_;
  std::unique_ptr<rocksdb::DB> db_;
  bool chain_is_whole_ = false;

  Chain chain_;
  std::map<Index, Fingerprint> expected_;
  std::map<StreamKey, StreamHead> heads_;
  std::vector<std::uint64_t> hashes_;  // the first 16 digits of each record's
  std::optional<Position> first_bad_in_index_;
  std::vector<std::string> index_findings_;
};

}  // namespace

VerifyReport verify_log(const std::filesystem::path& directory, const VerifyOptions& options) {
  return Verification(directory, options).run();
}

}  // namespace luthier::log
