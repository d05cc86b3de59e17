// How many bytes a file may have that is put into a fileset now, and what is answered when it has more.
#pragma once

#include <cstdint>
#include <string>

#include "actors/api/routes.hpp"

namespace luthier::api {

struct UploadRoom {
  std::int64_t bytes = 0;
  int status = 413;
  std::string reason;  // a sentence with the numbers
  rest::Answer refusal() const { return rest::detail(status, reason); }
};

// The smallest of the bounds: of any file, of the fileset, of the workspace. What the file replaces does not count.
UploadRoom room_for(const Context& context, const Document& fileset, const std::string& path);

}  // namespace luthier::api
