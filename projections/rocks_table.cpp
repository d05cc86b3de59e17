#include "projections/rocks_table.hpp"

namespace luthier::projections {
namespace {

std::optional<std::string> get_from(rocksdb::DB& db, const rocksdb::ReadOptions& options, const std::string& key,
                                    const TableView& table) {
  std::string value;
  const auto status = db.Get(options, key, &value);
  if (status.ok()) return value;
  if (!status.IsNotFound()) table.report(rocks_error(status, "reading the projections"));
  return std::nullopt;
}

// Keys and values as the table sees them: without the projection's prefix.
void scan_in(rocksdb::DB& db, const rocksdb::ReadOptions& options, const std::string& table_prefix, const std::string& prefix,
             const std::string& after, const TableView::Visit& visit, const TableView& table) {
  const std::string from = table_prefix + std::max(prefix, after), whole = table_prefix + prefix;
  const std::unique_ptr<rocksdb::Iterator> rows(db.NewIterator(options));
  rows->Seek(from);
  if (!after.empty() && rows->Valid() && rows->key() == rocksdb::Slice(table_prefix + after)) rows->Next();
  for (; rows->Valid() && rows->key().starts_with(whole); rows->Next())
    if (!visit(rows->key().ToString().substr(table_prefix.size()), rows->value().ToString())) return;
  if (!rows->status().ok()) table.report(rocks_error(rows->status(), "reading the projections"));
}

}  // namespace

std::string table_prefix(std::string_view projection) { return std::string("row/").append(projection).append("/"); }

Error rocks_error(const rocksdb::Status& status, const std::string& doing) {
  std::string text = status.ToString();
  for (char& c : text)
    if (c == '\n') c = ' ';
  return {status.IsCorruption() ? ErrorCode::corrupt : ErrorCode::io, doing + ": " + text, {}};
}

SnapshotTable::SnapshotTable(rocksdb::DB& db, std::string_view projection)
    : db_(db), prefix_(table_prefix(projection)), snapshot_(&db) {}

std::optional<std::string> SnapshotTable::get(const std::string& key) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_.snapshot();
  return get_from(db_, options, prefix_ + key, *this);
}

void SnapshotTable::scan(const std::string& prefix, const std::string& after, const Visit& visit) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_.snapshot();
  scan_in(db_, options, prefix_, prefix, after, visit, *this);
}

PendingTable::PendingTable(rocksdb::DB& db, std::string_view projection) : db_(db), prefix_(table_prefix(projection)) {}

std::optional<std::string> PendingTable::get(const std::string& key) const {
  if (const auto change = changes_.find(key); change != changes_.end()) return change->second;
  return get_from(db_, {}, prefix_ + key, *this);
}

// The changes and the rows below them, merged in the order of their keys. A change hides the row of its key.
void PendingTable::scan(const std::string& prefix, const std::string& after, const Visit& visit) const {
  auto change = after < prefix ? changes_.lower_bound(prefix) : changes_.upper_bound(after);
  bool enough = false;
  const auto visit_changes_before = [&](const std::string* key) {
    for (; !enough && change != changes_.end() && change->first.starts_with(prefix) && (!key || change->first < *key); ++change)
      if (change->second) enough = !visit(change->first, *change->second);
  };
  scan_in(db_, {}, prefix_, prefix, after,
          [&](const std::string& key, const std::string& value) {
            visit_changes_before(&key);
            if (!enough && !changes_.contains(key)) enough = !visit(key, value);
            return !enough;
          },
          *this);
  visit_changes_before(nullptr);
}

void PendingTable::add_to(rocksdb::WriteBatch& batch) const {
  for (const auto& [key, value] : changes_) {
    if (value)
      batch.Put(prefix_ + key, *value);
    else
      batch.Delete(prefix_ + key);
  }
}

}  // namespace luthier::projections
