#include "gpu/kernels/profile.hpp"

#include <algorithm>
#include <cassert>
#include <string_view>

namespace luthier::kernels {

Profile::Profile(bool keeps_events) : keeps_events_(keeps_events) {}

Profile::~Profile() { pause(); }

void Profile::start() {
  assert(profile_here == nullptr || profile_here == this);
  profile_here = this;
}

void Profile::pause() {
  if (profile_here == this) profile_here = nullptr;
}

void Profile::open(const char* name) { open_.push_back({name, Clock::now()}); }

Profile::Sum& Profile::sum_of(const char* phase, const char* name) {
  const auto same = [](const char* a, const char* b) { return a == b || (a && b && std::string_view(a) == b); };
  for (Sum& sum : sums_)
    if (same(sum.phase, phase) && same(sum.name, name)) return sum;
  return sums_.emplace_back(Sum{phase, name});
}

void Profile::close() {
  const auto now = Clock::now();
  const Open done = open_.back();
  open_.pop_back();
  const double seconds = std::chrono::duration<double>(now - done.begin).count();
  Sum& sum = sum_of(open_.size() > 1 ? open_[1].name : nullptr, done.name);
  sum.seconds += seconds - done.inside;
  sum.has_parts = sum.has_parts || done.has_parts;
  ++sum.calls;
  if (open_.empty()) {
    seconds_ += seconds;
  } else {
    open_.back().inside += seconds;
    open_.back().has_parts = true;
  }
  if (!keeps_events_) return;
  if (events_.size() >= events_max) {
    ++events_left_out_;
    return;
  }
  events_.push_back({done.name, std::chrono::duration<double>(done.begin - start_).count(), seconds, static_cast<int>(open_.size())});
}

std::vector<Profile::Row> Profile::rows() const {
  std::vector<Row> rows;
  for (const Sum& sum : sums_) {
    const std::string name = sum.name;
    rows.push_back({sum.phase ? sum.phase + (": " + name) : sum.has_parts ? name + ": the rest" : name, sum.seconds, sum.calls});
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.seconds > b.seconds; });
  return rows;
}

double Profile::accounted() const {
  double inside = 0;
  for (const Sum& sum : sums_)
    if (sum.phase || !sum.has_parts) inside += sum.seconds;
  return seconds_ > 0 ? inside / seconds_ : 0;
}

}  // namespace luthier::kernels
