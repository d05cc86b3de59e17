// A regular expression from a file, matched against the names of modules.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::checkpoint {

// Python's syntax as far as PCRE2 shares it, which is all that such files use. Matching has a bound on its steps, so a
// pattern that backtracks without end is an error, not a hang.
class NamePattern {
 public:
  static Result<NamePattern> compile(const std::string& pattern);
  Result<bool> matches_whole(std::string_view name) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace luthier::checkpoint
