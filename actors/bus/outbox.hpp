// What waits to be written to the connection, in order. The callers never wait; one thread does.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "actors/bus/bus.hpp"

namespace luthier::bus {

class Outbox {
 public:
  struct Entry {
    enum class Kind { message, acknowledgement, event, fence };
    Kind kind = Kind::message;
    Message message;
    std::uint64_t event_id = 0;  // of the batch that the event is of
    bool is_last = false;        // of them: its answer is theirs
    std::shared_ptr<std::promise<void>> written;  // of a fence: everything before it has been written
  };

  Outbox(std::size_t entries_max, std::size_t bytes_max) : entries_max_(entries_max), bytes_max_(bytes_max) {}

  bool put(Entry entry) { return put(std::span(&entry, 1)); }
  // All of them at once, so that their writer wakes once. false: full; this one and those behind it are dropped.
  bool put(std::span<Entry> entries);
  std::optional<Entry> take();  // waits; nullopt: closed and empty
  void close();
  std::uint64_t dropped() const;

 private:
  static std::size_t bytes_of(const Entry& entry);
  const std::size_t entries_max_, bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> entries_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
  bool closed_ = false;
};

}  // namespace luthier::bus
