// A blob on its way in: a file under incoming/ that nobody else sees. It is locked while its writer lives, so that what a
// dead one left behind can be told from what another process is writing now, and removed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "actors/blobs/descriptor.hpp"
#include "events/base/result.hpp"

namespace luthier::blobs {

class IncomingFile {
 public:
  static Result<IncomingFile> create(const std::filesystem::path& directory);
  IncomingFile(IncomingFile&& other) noexcept = default;
  ~IncomingFile();  // removes it, unless it was published

  Result<void> write(std::string_view bytes);
  Result<void> publish(const std::filesystem::path& target);  // sync, rename, sync of the directory

 private:
  IncomingFile(std::filesystem::path path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  std::filesystem::path path_;  // empty: published
  Descriptor file_;
  std::int64_t written_ = 0, begun_ = 0;  // bytes; those that the disk has been told to write
};

void remove_abandoned(const std::filesystem::path& directory);

}  // namespace luthier::blobs
