// What a projection folds into: an ordered table of texts. The fold is pure; where the table is (in memory, or in a batch
// over RocksDB) is not its matter.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::projections {

class TableView {
 public:
  using Visit = std::function<bool(const std::string& key, const std::string& value)>;  // false: enough

  virtual ~TableView() = default;
  virtual std::optional<std::string> get(const std::string& key) const = 0;
  // The keys that begin with `prefix` and come after the key `after`, in order.
  virtual void scan(const std::string& prefix, const std::string& after, const Visit& visit) const = 0;

  // The first thing that went wrong below. Folds need not look: whoever runs them does, and drops what they made.
  const std::optional<Error>& problem() const { return problem_; }
  void report(Error error) const {
    if (!problem_) problem_ = std::move(error);
  }

 private:
  mutable std::optional<Error> problem_;
};

class Table : public TableView {
 public:
  virtual void put(const std::string& key, std::string value) = 0;
  virtual void erase(const std::string& key) = 0;
};

// Of everything at once: for the past, and for tests.
class MemoryTable final : public Table {
 public:
  std::optional<std::string> get(const std::string& key) const override;
  void scan(const std::string& prefix, const std::string& after, const Visit& visit) const override;
  void put(const std::string& key, std::string value) override { rows_[key] = std::move(value); }
  void erase(const std::string& key) override { rows_.erase(key); }
  const std::map<std::string, std::string>& rows() const { return rows_; }

 private:
  std::map<std::string, std::string> rows_;
};

void erase_all(Table& table, const std::string& prefix);

}  // namespace luthier::projections
