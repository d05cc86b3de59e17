// The values of secrets, for those who use them by name, and for the few routes that take or give one.
#pragma once

#include <string>

#include "events/base/result.hpp"

namespace luthier::api {

class SecretValues {
 public:
  virtual ~SecretValues() = default;
  // Into a box that CreateSecret and UpdateSecret carry.
  virtual std::string box(const std::string& value) = 0;
  // not_found: no such secret.
  virtual Result<std::string> value(const std::string& workspace, const std::string& name) = 0;
  // Re-encrypts all keys under a new master key; how many.
  virtual Result<std::size_t> rotate() = 0;
};

}  // namespace luthier::api
