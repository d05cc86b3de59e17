// GET /metrics: what an operator watches, in Prometheus' text format 0.0.4. Numbers alone, no names of anybody's.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace luthier::api {

struct Services;

// Requests that were answered, since the start; streams of events and of files are not among them. Any thread adds.
class RequestCounts {
 public:
  static constexpr std::array<double, 8> bounds_s{0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60};

  void add(int status, std::chrono::nanoseconds took);
  std::uint64_t of_class(int hundreds) const { return by_class_[static_cast<std::size_t>(hundreds)].load(std::memory_order_relaxed); }
  std::uint64_t within(std::size_t bucket) const { return by_time_[bucket].load(std::memory_order_relaxed); }  // of that bucket alone
  double seconds() const { return static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) * 1e-9; }

 private:
  std::array<std::atomic<std::uint64_t>, 6> by_class_{};  // [2]: 200 to 299
  std::array<std::atomic<std::uint64_t>, bounds_s.size() + 1> by_time_{};
  std::atomic<std::uint64_t> nanoseconds_{0};
};

std::string metrics_text(const Services& services);

}  // namespace luthier::api
