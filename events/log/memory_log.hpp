// The event log in memory, for unit tests of what stands above it. It passes the same contract tests as the RocksDB log.
// Not synchronised: one thread.
#pragma once

#include <map>
#include <tuple>

#include "events/log/event_log.hpp"
#include "events/log/staging.hpp"

namespace luthier::log {

class MemoryLog final : public EventLog, private Committed {
 public:
  MemoryLog();

  Result<Written> append(std::span<const Append> appends, Timestamp now) override;
  Result<std::optional<Receipt>> find_receipt(const CommandKey& command) const override;
  Head head() const override;
  Result<std::vector<Record>> read(Position from, std::size_t count_max) const override;
  Result<std::vector<Record>> read_stream(const StreamKey& stream, Version from, std::size_t count_max) const override;
  Result<std::vector<StreamKey>> streams_of(const std::string& entity, const std::string& workspace,
                                            const std::string& name) const override;
  Result<Position> position_at(Timestamp time) const override;

 private:
  Result<std::optional<StreamHead>> find_head(const StreamKey& stream) const override;

  std::vector<Record> records_;
  std::map<CommandKey, Receipt> receipts_;
  std::map<StreamKey, StreamHead> heads_;
  std::map<StreamKey, std::vector<Position>> streams_;
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<StreamKey>> names_;
};

}  // namespace luthier::log
