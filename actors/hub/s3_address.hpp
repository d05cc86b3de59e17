// Where a bucket is.
#pragma once

#include <string>

#include "actors/hub/hub.hpp"
#include "actors/hub/url.hpp"

namespace luthier::hub {

struct S3Address {
  Url root;  // what a key is below
  std::string region;
};

// At Amazon the bucket is a part of the host's name, unless it has a dot, which no certificate covers; elsewhere it is the first part of
// the path.
Result<S3Address> address_of(const S3& source);

}  // namespace luthier::hub
