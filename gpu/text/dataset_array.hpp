// An array that may be larger than memory: what is appended beyond the first megabyte lies in a temporary file without a name, which
// is mapped once all is there. The kernel takes its pages back when memory is short, so the array counts as no memory of the process.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <type_traits>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::text {

// Bytes appended, then looked at and changed in place. One owner; not for use from several threads while it grows.
class ScratchBytes {
 public:
  // `directory`: where the file lies; empty: where the system keeps temporary files, which may be memory.
  explicit ScratchBytes(std::filesystem::path directory = {}) : directory_(std::move(directory)) {}
  ScratchBytes(ScratchBytes&& other) noexcept;
  ScratchBytes& operator=(ScratchBytes&& other) noexcept;
  ~ScratchBytes();

  Result<void> append(const void* bytes, std::size_t count);  // `io` when the disk is full
  Result<void> freeze();                                      // nothing is appended any more
  std::byte* data() { return mapped_ ? mapped_ : buffer_.data(); }
  const std::byte* data() const { return mapped_ ? mapped_ : buffer_.data(); }
  std::size_t size() const { return size_; }

 private:
  Result<void> flush();
  void close();

  std::filesystem::path directory_;
  std::vector<std::byte> buffer_;  // what is not in the file
  std::size_t size_ = 0;
  int descriptor_ = -1;
  std::byte* mapped_ = nullptr;
};

template <class T>
class ScratchArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit ScratchArray(std::filesystem::path directory = {}) : bytes_(std::move(directory)) {}

  Result<void> append(const T& value) { return bytes_.append(&value, sizeof value); }
  Result<void> freeze() { return bytes_.freeze(); }
  std::size_t size() const { return bytes_.size() / sizeof(T); }
  T* begin() { return reinterpret_cast<T*>(bytes_.data()); }
  const T* begin() const { return reinterpret_cast<const T*>(bytes_.data()); }
  T* end() { return begin() + size(); }
  const T* end() const { return begin() + size(); }
  T& operator[](std::size_t at) { return assert(at < size()), begin()[at]; }
  const T& operator[](std::size_t at) const { return assert(at < size()), begin()[at]; }

 private:
  ScratchBytes bytes_;
};

}  // namespace luthier::text
