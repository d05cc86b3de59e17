// The bound in front of an actor's mailbox, which has none of its own: how much was let in and is not answered yet. It is asked on
// the bus's threads, so that a flood is refused before it takes memory.
#pragma once

#include <atomic>
#include <cstddef>

namespace luthier::core {

class Admission {
 public:
  explicit Admission(std::size_t inside_max) : inside_max_(inside_max) {}

  bool enter() {  // false: refuse it
    if (inside_.fetch_add(1) < inside_max_) return true;
    leave();
    return false;
  }
  void leave() { inside_.fetch_sub(1); }

 private:
  const std::size_t inside_max_;
  std::atomic<std::size_t> inside_{0};
};

}  // namespace luthier::core
