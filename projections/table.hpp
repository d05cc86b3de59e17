// What a projection writes to: an ordered table of JSON documents. On disk in production, in memory for a look at the past.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace luthier::projections {

class Table {
 public:
  virtual ~Table() = default;
  virtual std::optional<std::string> get(const std::string& key) const = 0;
  virtual void put(const std::string& key, std::string row) = 0;
  virtual void erase(const std::string& key) = 0;
};

class MemoryTable final : public Table {
 public:
  std::optional<std::string> get(const std::string& key) const override {
    const auto found = rows_.find(key);
    return found == rows_.end() ? std::nullopt : std::optional(found->second);
  }
  void put(const std::string& key, std::string row) override { rows_[key] = std::move(row); }
  void erase(const std::string& key) override { rows_.erase(key); }
  const std::map<std::string, std::string>& rows() const { return rows_; }

 private:
  std::map<std::string, std::string> rows_;
};

// "model/default/smol": names have no '/', so that the rows of a workspace stand together.
inline std::string row_key(const std::string& entity, const std::string& workspace, const std::string& name) {
  return entity + "/" + workspace + "/" + name;
}

}  // namespace luthier::projections
