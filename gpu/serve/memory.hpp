// One mapping of zeroed f32 values, on huge pages when it is large: weights are streamed once per token, and 4 KiB pages would spend a
// good part of that time in the page tables.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::serve {

class Memory {
 public:
  // Fails with out_of_memory, naming `what` and both sizes, when the machine has not that much left: the kernel would
  // otherwise kill the process later, at the first touch.
  static Result<Memory> allocate(std::size_t floats, std::string_view what);

  Memory() = default;
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  ~Memory();

  // All of it is to be written at once: cheaper together than page by page.
  void populate() const;

  std::span<float> values() const { return {data_, floats_}; }
  std::size_t bytes() const { return floats_ * sizeof(float); }

 private:
  float* data_ = nullptr;
  std::size_t floats_ = 0;
};

// What the kernel says can be had without swapping; 0 when it does not say.
std::size_t memory_available_bytes();

}  // namespace luthier::serve
