// A listing as it grows: bounded, and without a name that would leave its directory or stand in another's way.
#pragma once

#include <string>
#include <vector>

#include "actors/hub/get.hpp"
#include "actors/hub/hub.hpp"
#include "events/json/value.hpp"

namespace luthier::hub {

class FileList {
 public:
  FileList(std::string place, std::size_t files_max) : place_(std::move(place)), files_max_(files_max) {}

  Result<void> add(RemoteFile file);
  // By path. corrupt: a path is there twice, or as a file and as a directory.
  Result<std::vector<RemoteFile>> finish();

 private:
  Error wrong(const std::string& what) const { return {ErrorCode::corrupt, place_ + ": " + what, "path"}; }
  std::string place_;
  std::size_t files_max_;
  std::vector<RemoteFile> files_;
};

// For messages: no control characters, at most 200 bytes, and `secret` (if there is one) is blotted out.
std::string quotable(std::string_view text, std::string_view secret = {});

// The error, with "HOST: what of it" in front; a place begins with its host, and an error that does so too says it once.
Error placed(Error error, const std::string& place);

// The answer's body as JSON. unavailable: it is none, as when something between us and the store answers in its place.
Result<json::Value> read_json(const Page& page, const std::string& place);

}  // namespace luthier::hub
