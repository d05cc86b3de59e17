// A lock on a file that the kernel lets go of when its last holder dies, however it dies. A child process that inherits it
// is a holder too.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "events/base/result.hpp"

namespace luthier::worker {

class FileLock {
 public:
  // nullopt: somebody else still has it after `patience`.
  static Result<std::optional<FileLock>> take(const std::filesystem::path& file, std::chrono::milliseconds patience = {});
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

  int descriptor() const { return descriptor_; }
  Result<void> write(const std::string& content);  // who has it, for people and for the next holder

 private:
  FileLock(std::filesystem::path file, int descriptor) : file_(std::move(file)), descriptor_(descriptor) {}
  std::filesystem::path file_;
  int descriptor_;
};

}  // namespace luthier::worker
