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

  // Calls do_item(i) for every i in [0, count), each on whichever thread is free, and returns when all are done. Every
  // thread of the team makes the same calls in the same order.
  template <class F>
  void each(std::int64_t count, F&& do_item) {
    for (std::int64_t i = next(); i < count; i = next()) do_item(i);
    end_phase();
  }

 private:
  friend class Team;
  Worker(Team& team, int index) : team_(&team), index_(index) {}
  std::int64_t next();
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

  // Two in turn: one counts this phase's items, the other is reset for the next phase.
  struct alignas(64) Counter {
    std::atomic<std::int64_t> next{0};
  };
  std::array<Counter, 2> counters_;
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
