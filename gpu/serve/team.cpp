#include "gpu/serve/team.hpp"

#include <sched.h>

#include <algorithm>

namespace luthier::serve {
namespace {

constexpr int spins_max = 1500;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void wait_while_equal(std::atomic<std::uint32_t>& value, std::uint32_t old) {
  for (int i = 0; i < spins_max; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

}  // namespace

int usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

int Worker::size() const { return team_->size(); }

Worker::Items Worker::part(std::int64_t count, int index) const {
  const std::int64_t begin = count * index / size();
  return {begin, count * (index + 1) / size() - begin};
}

Worker::Items Worker::take(std::int64_t count, int other, std::int64_t at_once) {
  const int whose = (index_ + other) % size();
  const Items all = part(count, whose);
  auto& taken = team_->taken_[static_cast<std::size_t>(whose)].of_phase[phase_ % 2];
  if (other > 0) at_once = 1;
  const std::uint64_t before = taken.fetch_add(static_cast<std::uint64_t>(at_once) << (other > 0 ? 32 : 0), std::memory_order_relaxed);
  const auto front = static_cast<std::int64_t>(before & 0xFFFFFFFFu), back = static_cast<std::int64_t>(before >> 32);
  const std::int64_t left = all.count - front - back;
  if (left <= 0) return {};
  if (other > 0) return {all.first + all.count - 1 - back, 1};
  return {all.first + front, std::min(at_once, left)};
}

void Worker::end_phase() {
  // Everybody left the other counters before the barrier of the phase before, and enters them again after this one.
  team_->taken_[static_cast<std::size_t>(index_)].of_phase[(phase_ + 1) % 2].store(0, std::memory_order_relaxed);
  ++phase_;
  team_->arrive();
}

Team::Team(int threads) : taken_(static_cast<std::size_t>(threads)) {
  for (int i = 1; i < threads; ++i) threads_.emplace_back([this, i] { serve(i); });
}

Team::~Team() {
  stopping_ = true;
  steps_.fetch_add(1, std::memory_order_release);
  steps_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Team::arrive() {
  if (threads_.empty()) return;
  const std::uint32_t generation = generation_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size()) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    return;
  }
  wait_while_equal(generation_, generation);
}

void Team::run(const std::function<void(Worker&)>& step) {
  for (auto& taken : taken_)
    for (auto& count : taken.of_phase) count.store(0, std::memory_order_relaxed);
  step_ = &step;
  steps_.fetch_add(1, std::memory_order_release);
  steps_.notify_all();
  Worker self(*this, 0);
  step(self);
  arrive();
}

void Team::serve(int index) {
  for (std::uint32_t seen = 0;;) {
    wait_while_equal(steps_, seen);
    ++seen;
    if (stopping_) return;
    Worker self(*this, index);
    (*step_)(self);
    arrive();
  }
}

}  // namespace luthier::serve
