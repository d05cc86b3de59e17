// A few threads that walk through one step of the network together. A step has some three hundred short phases, so a
// waiting thread first spins for some ten microseconds; then it sleeps, because on a busy machine the one that it waits
// for may need this very processor.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace luthier::serve {

class Team;

// One thread's view of the step that is running.
class Worker {
 public:
  int index() const { return index_; }

  // Calls do_item(i) for every i in [0, count) and returns when all are done. Each thread begins with a part of its own, so that
  // what lies one after the other in memory is read by one thread; who is done early helps the others from their ends. Every thread
  // of the team makes the same calls in the same order.
  template <class F>
  void each(std::int64_t count, F&& do_item) {
    each(count, 1, [&](std::int64_t i, std::int64_t) { do_item(i); });
  }
  // The same with do_items(first, n): up to `at_once` neighbours in one call.
  template <class F>
  void each(std::int64_t count, std::int64_t at_once, F&& do_items) {
    for (int other = 0; other < size(); ++other)
      for (Items items = take(count, other, at_once); items.count > 0; items = take(count, other, at_once)) do_items(items.first, items.count);
    end_phase();
  }

  struct Items {
    std::int64_t first = 0, count = 0;
  };
  // Where this thread begins.
  Items own_part(std::int64_t count) const { return part(count, index_); }

 private:
  friend class Team;
  Worker(Team& team, int index) : team_(&team), index_(index) {}
  int size() const;
  Items part(std::int64_t count, int index) const;
  Items take(std::int64_t count, int other, std::int64_t at_once);  // of the `other`th thread after this one
  void end_phase();

  Team* team_;
  int index_;
  std::uint64_t phase_ = 0;
};

class Team {
 public:
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  // The caller takes part as worker 0. One caller at a time.
  void run(const std::function<void(Worker&)>& step);

 private:
  friend class Worker;
  void serve(int index);
  void arrive();

  // For each thread two in turn: one counts what has been taken of its part in this phase, by itself from the beginning (the low half)
  // and by others from the end (the high half); the other one is reset for the next phase.
  struct alignas(64) Taken {
    std::array<std::atomic<std::uint64_t>, 2> of_phase{};
  };
  std::vector<Taken> taken_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> generation_{0};
  alignas(64) std::atomic<std::uint32_t> steps_{0};
  const std::function<void(Worker&)>* step_ = nullptr;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// What --threads 0 means: the processors that this process may run on.
int usable_processors();

}  // namespace luthier::serve
