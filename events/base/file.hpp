// Whole files, read with a bound and written so that a crash leaves either the old content or the new one.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"

namespace luthier {

// The content of a regular file; `limit` when it is longer than `bytes_max`, `not_found` when there is none.
Result<std::vector<std::byte>> read_file(const std::filesystem::path& path, std::size_t bytes_max);
Result<std::string> read_text(const std::filesystem::path& path, std::size_t bytes_max);

// A file that appears under its name, complete and synced, when it is committed, and never before. Whoever destroys it
// uncommitted leaves no trace. The temporary name is in the same directory and starts with a dot.
class DurableFile {
 public:
  static Result<DurableFile> create(const std::filesystem::path& path, unsigned mode = 0644);
  DurableFile(DurableFile&& other) noexcept;
  DurableFile& operator=(DurableFile&& other) noexcept;
  ~DurableFile();

  Result<void> write(std::span<const std::byte> bytes);
  Result<void> commit();  // fsync, rename, fsync of the directory; the last call

 private:
  DurableFile(std::filesystem::path path, std::filesystem::path temporary, int descriptor);
  void discard();

  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

Result<void> write_file_durably(const std::filesystem::path& path, std::span<const std::byte> bytes,
                                unsigned mode = 0644);
Result<void> write_file_durably(const std::filesystem::path& path, std::string_view text, unsigned mode = 0644);

// Makes the names in a directory survive a power cut.
Result<void> sync_directory(const std::filesystem::path& directory);

// "PATH: No such file or directory", with the code that fits an errno.
Error file_error(const std::filesystem::path& path, int error_number);

}  // namespace luthier
