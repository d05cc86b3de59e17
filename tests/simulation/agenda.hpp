// Virtual time and what is due in it. Everything outside the actors (messages under way, processes at work) waits here.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <random>

namespace luthier::simulation {

using Random = std::mt19937_64;
using Time = std::chrono::microseconds;  // since the start

class Agenda {
 public:
  explicit Agenda(std::uint64_t seed) : random(seed) {}

  Time now() const { return now_; }
  void in(Time delay, std::function<void()> what) { due_.emplace(now_ + delay, std::move(what)); }
  std::optional<Time> next_due() const {
    return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
  }
  // Time has come to `now`: runs what is due, in order.
  void advance_to(Time now) {
    now_ = now;
    while (!due_.empty() && due_.begin()->first <= now_) {
      auto what = std::move(due_.begin()->second);
      due_.erase(due_.begin());
      what();
    }
  }

  bool happens(double probability) { return std::uniform_real_distribution<>(0, 1)(random) < probability; }
  std::int64_t between(std::int64_t from, std::int64_t to) { return std::uniform_int_distribution<std::int64_t>(from, to)(random); }
  Time time_between(Time from, Time to) { return Time(between(from.count(), to.count())); }

  Random random;

 private:
  Time now_{0};
  std::multimap<Time, std::function<void()>> due_;
};

}  // namespace luthier::simulation
