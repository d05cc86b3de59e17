#include "events/base/temporary_directory.hpp"

#include <stdlib.h>

#include <cstdlib>
#include <utility>

#include "events/base/file.hpp"

namespace luthier {
namespace fs = std::filesystem;

Result<TemporaryDirectory> TemporaryDirectory::make(const fs::path& parent) {
  std::error_code failure;
  const auto place = parent.empty() ? fs::temp_directory_path(failure) : parent;
  if (!failure) fs::create_directories(place, failure);
  if (failure) return file_error(place, failure.value());
  auto pattern = (place / "luthier-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) return file_error(place, errno);
  return TemporaryDirectory(fs::path(pattern));
}

TemporaryDirectory::TemporaryDirectory() {
  auto made = make();
  if (!made) std::abort();
  *this = std::move(*made);
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TemporaryDirectory& TemporaryDirectory::operator=(TemporaryDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace luthier
