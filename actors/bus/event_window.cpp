#include "actors/bus/event_window.hpp"

namespace luthier::bus {

EventWindow::Entry* EventWindow::find(std::uint64_t id) {
  if (entries_.empty() || id < entries_.front().id || id > entries_.back().id) return nullptr;
  return &entries_[id - entries_.front().id];
}

std::optional<std::uint64_t> EventWindow::add(std::int64_t position, Time deadline, Done done) {
  const std::lock_guard lock(mutex_);
  Entry entry{next_id_++, position, deadline, std::move(done), std::nullopt};
  if (closed_) entry.answer = Error{ErrorCode::unavailable, "the bus is closed", {}};
  if (entries_.size() >= entries_max_)
    entry.answer = Error{ErrorCode::limit, std::to_string(entries_max_) + " events are on their way already", {}};
  const bool is_waiting = !entry.answer;
  const auto id = entry.id;
  entries_.push_back(std::move(entry));
  changed_.notify_one();
  return is_waiting ? std::optional(id) : std::nullopt;
}

void EventWindow::resolve(std::uint64_t id, Result<void> answer) {
  const std::lock_guard lock(mutex_);
  auto* entry = find(id);
  if (!entry || entry->answer) return;
  entry->answer = std::move(answer);
  changed_.notify_one();
}

std::optional<std::int64_t> EventWindow::position_of(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto* entry = const_cast<EventWindow*>(this)->find(id);
  return entry && !entry->answer ? std::optional(entry->position) : std::nullopt;
}

void EventWindow::fail_all(const Error& error) {
  const std::lock_guard lock(mutex_);
  for (auto& entry : entries_)
    if (!entry.answer) entry.answer = error;
  changed_.notify_one();
}

std::optional<std::function<void()>> EventWindow::take() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (entries_.empty()) {
      if (closed_) return std::nullopt;
      changed_.wait(lock);
      continue;
    }
    auto& first = entries_.front();
    if (!first.answer && std::chrono::steady_clock::now() >= first.deadline)
      first.answer = Error{ErrorCode::unavailable, "NATS did not confirm the event in time", {}};
    if (first.answer) {
      auto call = [done = std::move(first.done), answer = std::move(*first.answer)] { done(answer); };
      entries_.pop_front();
      return call;
    }
    changed_.wait_until(lock, first.deadline);
  }
}

void EventWindow::close(const Error& error) {
  fail_all(error);
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_one();
}

}  // namespace luthier::bus
