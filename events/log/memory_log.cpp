#include "events/log/memory_log.hpp"

#include <algorithm>
#include <limits>

#include "events/log/record.hpp"

namespace luthier::log {

MemoryLog::MemoryLog() = default;

Result<Written> MemoryLog::append(std::span<const Append> appends, Timestamp now) {
  const Timestamp time = records_.empty() ? std::numeric_limits<Timestamp>::min() : records_.back().time;
  auto staged = stage(appends, now, *this, head(), time);
  if (!staged) return staged.error();
  for (const auto& [record, stored, takes_name] : staged->records) {
    streams_[record.stream].push_back(record.position);
    if (takes_name) {
      auto& had = names_[{record.stream.entity, record.workspace, record.name}];
      std::erase(had, record.stream);
      had.push_back(record.stream);
    }
    records_.push_back(record);
  }
  for (auto& [key, receipt] : staged->receipts) receipts_.insert_or_assign(key, std::move(receipt));
  for (auto& [key, head] : staged->heads) heads_[key] = std::move(head);
  return std::move(*staged).written();
}

Result<std::optional<Receipt>> MemoryLog::find_receipt(const CommandKey& command) const {
  const auto found = receipts_.find(command);
  return found == receipts_.end() ? std::nullopt : std::optional(found->second);
}

Result<std::optional<StreamHead>> MemoryLog::find_head(const StreamKey& stream) const {
  const auto found = heads_.find(stream);
  return found == heads_.end() ? std::nullopt : std::optional(found->second);
}

Head MemoryLog::head() const {
  if (records_.empty()) return {0, zero_hash()};
  return {records_.back().position, records_.back().hash};
}

Result<std::vector<Record>> MemoryLog::read(Position from, std::size_t count_max) const {
  const auto begin = std::min(static_cast<std::size_t>(std::max<Position>(from, 1) - 1), records_.size());
  const auto count = std::min(count_max, records_.size() - begin);
  return std::vector<Record>(records_.begin() + begin, records_.begin() + begin + count);
}

Result<std::vector<Record>> MemoryLog::read_stream(const StreamKey& stream, Version from, std::size_t count_max) const {
  std::vector<Record> out;
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return out;
  const auto& positions = found->second;
  for (auto i = static_cast<std::size_t>(std::max<Version>(from, 1) - 1); i < positions.size() && out.size() < count_max; ++i)
    out.push_back(records_[positions[i] - 1]);
  return out;
}

Result<std::vector<StreamKey>> MemoryLog::streams_of(const std::string& entity, const std::string& workspace,
                                                     const std::string& name) const {
  const auto found = names_.find({entity, workspace, name});
  return found == names_.end() ? std::vector<StreamKey>{} : found->second;
}

Result<Position> MemoryLog::position_at(Timestamp time) const {
  const auto after = std::upper_bound(records_.begin(), records_.end(), time,
                                      [](Timestamp wanted, const Record& record) { return wanted < record.time; });
  return static_cast<Position>(after - records_.begin());
}

}  // namespace luthier::log
