// A file on its way in, which outlives the process that began it: ".NAME.….part" beside its target, and beside that a note which
// says what it is a part of. One process at a time has it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "actors/blobs/descriptor.hpp"
#include "events/base/result.hpp"

namespace luthier::hub {

class PartialFile {
 public:
  // What is there is kept if it is a part of the same content (`identity`), and emptied if not. conflict: somebody else has it.
  static Result<PartialFile> open(const std::filesystem::path& target, std::string_view identity);

  std::int64_t size() const { return size_; }
  const std::string& validator() const { return validator_; }  // the ETag that these bytes came with; empty: none did

  // Empty, and from now on with this ETag. Without a note a later call will not go on with it.
  Result<void> restart(const std::string& validator, bool with_note);
  Result<void> append(std::string_view bytes);
  // From the first to the last byte that is there.
  Result<void> read(const std::function<Result<void>(std::string_view)>& piece) const;
  Result<void> publish();  // sync, rename to the target, sync of the directory; the last call
  void remove();           // the last call, where nothing of it is of use

 private:
  PartialFile(std::filesystem::path target, std::filesystem::path path, std::string identity, blobs::Descriptor file)
      : target_(std::move(target)), path_(std::move(path)), identity_(std::move(identity)), file_(std::move(file)) {}
  std::filesystem::path note() const;
  void read_note();

  std::filesystem::path target_, path_;
  std::string identity_, validator_;
  blobs::Descriptor file_;
  std::int64_t size_ = 0;
};

}  // namespace luthier::hub
