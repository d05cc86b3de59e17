// Tables over RocksDB: one of a snapshot, to read; one of the present with changes on top, to write in one batch.
#pragma once

#include <rocksdb/db.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "projections/table.hpp"

namespace luthier::projections {

// What one projection has, all at one moment. Dies before the database.
class SnapshotTable final : public TableView {
 public:
  SnapshotTable(rocksdb::DB& db, std::string_view projection);
  std::optional<std::string> get(const std::string& key) const override;
  void scan(const std::string& prefix, const std::string& after, const Visit& visit) const override;

 private:
  rocksdb::DB& db_;
  std::string prefix_;
  mutable rocksdb::ManagedSnapshot snapshot_;  // its reader is not const
};

// The projector's: sees what it has put, and writes nothing itself. One thread.
class PendingTable final : public Table {
 public:
  PendingTable(rocksdb::DB& db, std::string_view projection);
  std::optional<std::string> get(const std::string& key) const override;
  void scan(const std::string& prefix, const std::string& after, const Visit& visit) const override;
  void put(const std::string& key, std::string value) override { changes_[key] = std::move(value); }
  void erase(const std::string& key) override { changes_[key] = std::nullopt; }
  void add_to(rocksdb::WriteBatch& batch) const;

 private:
  rocksdb::DB& db_;
  std::string prefix_;
  std::map<std::string, std::optional<std::string>> changes_;  // nullopt: erased
};

std::string table_prefix(std::string_view projection);  // "row/models/"
Error rocks_error(const rocksdb::Status& status, const std::string& doing);

}  // namespace luthier::projections
