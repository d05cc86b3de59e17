// What the indexes of the log must hold, folded from the records alone: entry by entry, and as one fingerprint per index, so
// that a whole index is compared by reading it once in its own order.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "events/log/event_log.hpp"
#include "events/log/receipt.hpp"

namespace luthier::log {

enum class Index { streams, names, receipts };
inline constexpr std::array indexes{Index::streams, Index::names, Index::receipts};
std::string_view key_prefix(Index index);
std::string_view to_string(Index index);  // "the index of streams"

struct IndexEntry {
  Index index;
  Position position;  // of the record that it comes from
  std::string key, value;
};

// Of a set of entries, in whatever order they come: their number and the sum of their SHA-256.
class Fingerprint {
 public:
  void add(std::string_view key, std::string_view value);
  Position count() const { return count_; }
  bool operator==(const Fingerprint&) const = default;

 private:
  Position count_ = 0;
  std::array<std::uint64_t, 4> sum_{};
};

// A stored receipt without the command's digest, which no record repeats. nullopt: it cannot be read.
std::optional<Receipt> comparable_receipt(std::string_view key, std::string_view stored);

class Derivation {
 public:
  using Sink = std::function<void(const IndexEntry&)>;
  explicit Derivation(Sink sink) : sink_(std::move(sink)) {}

  // Records in order of position. An error when the stream's versions do not go up by one.
  Result<void> take(const Record& record);
  void finish();  // after the last record

  const std::map<StreamKey, StreamHead>& heads() const { return heads_; }

 private:
  struct Command {
    Receipt receipt;
    StreamKey stream;  // of its first event
  };

  Sink sink_;
  std::map<StreamKey, StreamHead> heads_;
  std::optional<Command> command_;  // its events lie together
};

}  // namespace luthier::log
