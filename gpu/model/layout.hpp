// Offsets into one allocation, laid out before the first step: what is needed is known exactly, and nothing is allocated
// later.
#pragma once

#include <cstddef>

namespace luthier::model {

// Where each buffer starts, in floats. Buffers start at multiples of 64 bytes.
class Layout {
 public:
  std::size_t add(std::size_t floats) {
    const std::size_t at = end_;
    end_ += (floats + 15) / 16 * 16;
    if (end_ > peak_) peak_ = end_;
    return at;
  }
  // What is added after going back shares memory with what was added after `mark`: the caller knows that the two are never
  // needed at the same time.
  std::size_t mark() const { return end_; }
  void back_to(std::size_t mark) { end_ = mark; }
  std::size_t floats() const { return peak_; }

 private:
  std::size_t end_ = 0;
  std::size_t peak_ = 0;
};

}  // namespace luthier::model
