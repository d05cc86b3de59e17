// Typed members of a JSON object: absent and null are the same, another type is an error that names the member.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "events/base/result.hpp"

namespace luthier::serve {

// Collects the first error, so that a reader of many members checks once at the end.
class Members {
 public:
  explicit Members(const nlohmann::ordered_json& object) : object_(object) {}

  const nlohmann::ordered_json* find(const char* name) const;  // nullptr: absent or null
  std::optional<double> number(const char* name, double min, double max);
  std::optional<std::int64_t> integer(const char* name, std::int64_t min, std::int64_t max);
  std::optional<bool> boolean(const char* name);
  std::optional<std::string> text(const char* name);
  std::string required_text(const char* name);

  void refuse(std::string message, std::string member);
  bool failed() const { return error_.has_value(); }
  const Error& error() const { return *error_; }

 private:
  const nlohmann::ordered_json& object_;
  std::optional<Error> error_;
};

}  // namespace luthier::serve
