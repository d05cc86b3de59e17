#include "projections/table.hpp"

#include <algorithm>
#include <vector>

namespace luthier::projections {

std::optional<std::string> MemoryTable::get(const std::string& key) const {
  const auto row = rows_.find(key);
  if (row == rows_.end()) return std::nullopt;
  return row->second;
}

void MemoryTable::scan(const std::string& prefix, const std::string& after, const Visit& visit) const {
  auto row = after < prefix ? rows_.lower_bound(prefix) : rows_.upper_bound(after);
  for (; row != rows_.end() && row->first.starts_with(prefix); ++row)
    if (!visit(row->first, row->second)) return;
}

void erase_all(Table& table, const std::string& prefix) {
  std::vector<std::string> keys;
  table.scan(prefix, "", [&](const std::string& key, const std::string&) {
    keys.push_back(key);
    return true;
  });
  for (const std::string& key : keys) table.erase(key);
}

}  // namespace luthier::projections
