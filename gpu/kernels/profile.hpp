// Where a step's time goes: scoped timers in the operations, which cost a look at a pointer when nobody measures.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace luthier::kernels {

class Profile {
 public:
  struct Row {
    std::string name;     // "backward: product"
    double seconds = 0;   // in it alone, not in what it called that has a timer of its own
    std::int64_t calls = 0;
  };
  struct Event {
    const char* name;
    double begin, seconds;  // since the profile was made
    int depth;
  };

  static constexpr std::size_t events_max = 500'000;  // of a trace; what comes later is in the rows alone

  explicit Profile(bool keeps_events);
  ~Profile();

  // From here on this thread's timers count, until the end of the object. One at a time.
  void start();
  void pause();  // and start() again

  double seconds() const { return seconds_; }  // in the outermost timers
  std::vector<Row> rows() const;               // the longest first
  double accounted() const;                    // the part of seconds() that lies in rows other than "…: the rest"
  const std::vector<Event>& events() const { return events_; }
  std::int64_t events_left_out() const { return events_left_out_; }

 private:
  friend class Timed;
  using Clock = std::chrono::steady_clock;

  // An operation and the phase that it belongs to: "product" of "backward".
  struct Sum {
    const char *phase, *name;  // phase nullptr: a phase itself, or the whole
    double seconds = 0;
    std::int64_t calls = 0;
    bool has_parts = false;
  };
  struct Open {
    const char* name;
    Clock::time_point begin;
    double inside = 0;  // seconds in timers within
    bool has_parts = false;
  };

  void open(const char* name);
  void close();
  Sum& sum_of(const char* phase, const char* name);

  bool keeps_events_;
  Clock::time_point start_ = Clock::now();
  std::vector<Open> open_;
  std::vector<Sum> sums_;
  std::vector<Event> events_;
  std::int64_t events_left_out_ = 0;
  double seconds_ = 0;
};

inline thread_local Profile* profile_here = nullptr;

// Times the rest of a block. `name` is a literal. The outermost timer is the whole, a step; those directly in it are its phases,
// "forward", "backward" …, by which the operations within are told apart.
class Timed {
 public:
  explicit Timed(const char* name) : profile_(profile_here) {
    if (profile_) profile_->open(name);
  }
  ~Timed() {
    if (profile_) profile_->close();
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  Profile* profile_;
};

}  // namespace luthier::kernels
