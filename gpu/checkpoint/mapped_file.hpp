// A whole file as read-only memory. Pages come in as they are touched, and the kernel may take them back: a file of
// any size costs address space only.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "events/base/result.hpp"

namespace luthier::checkpoint {

class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  MappedFile(std::filesystem::path path, std::span<const std::byte> bytes);

  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

// What lies there has been read and is not needed soon: its pages no longer count as this process's.
void let_go(std::span<const std::byte> mapped);

}  // namespace luthier::checkpoint
