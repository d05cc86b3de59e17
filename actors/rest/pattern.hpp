// A regular expression over text of strangers: compiled once, and no text can make it run long.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::rest {

// May be shared by threads.
class Pattern {
 public:
  static Result<Pattern> compile(std::string_view regex);

  // Whether the pattern is found in the text. A search that needs more steps than the bound counts as not found. `$` is the very end.
  bool found_in(std::string_view text) const;
  const std::string& text() const;

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

}  // namespace luthier::rest
