// A directory of one's own that goes, with all that is in it, when the object does.
#pragma once

#include <filesystem>
#include <string>

#include "events/base/result.hpp"

namespace luthier {

class TemporaryDirectory {
 public:
  // In `parent`, which is made when it is missing; empty: where the system keeps temporary files.
  static Result<TemporaryDirectory> make(const std::filesystem::path& parent = {});
  TemporaryDirectory();  // the same, for a program that cannot go on without one: it aborts
  TemporaryDirectory(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept;
  ~TemporaryDirectory();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  explicit TemporaryDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;  // empty: moved from
};

}  // namespace luthier
