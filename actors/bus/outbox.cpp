#include "actors/bus/outbox.hpp"

namespace luthier::bus {

std::size_t Outbox::bytes_of(const Entry& entry) {
  std::size_t bytes = sizeof entry + entry.message.subject.size() + entry.message.reply.size() + entry.message.payload.size();
  for (const auto& [name, value] : entry.message.headers) bytes += name.size() + value.size();
  return bytes;
}

bool Outbox::put(std::span<Entry> entries) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto bytes = bytes_of(entries[i]);
    if (closed_ || entries_.size() >= entries_max_ || bytes_ + bytes > bytes_max_) {
      dropped_ += entries.size() - i;
      return false;
    }
    bytes_ += bytes;
    entries_.push_back(std::move(entries[i]));
    if (i == 0) changed_.notify_one();
  }
  return true;
}

std::optional<Outbox::Entry> Outbox::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closed_ || !entries_.empty(); });
  if (entries_.empty()) return std::nullopt;
  Entry entry = std::move(entries_.front());
  entries_.pop_front();
  bytes_ -= bytes_of(entry);
  return entry;
}

void Outbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::uint64_t Outbox::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace luthier::bus
