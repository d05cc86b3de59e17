// The part of a target after '?': parameters in their order, decoded.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/rest/answer.hpp"

namespace luthier::rest {

class Query {
 public:
  using Parameter = std::pair<std::string, std::string>;
  static constexpr std::size_t bytes_max = 16 * 1024, parameters_max = 256;

  Query() = default;
  // Names and values are percent-decoded and '+' is a blank. A '%' that starts no code stays as it is, as people type it into
  // filters; what is not UTF-8, or has a NUL, is refused with 400, and what is too long with 414.
  static Or<Query> parse(std::string_view raw);

  // The last one of that name, which is the one that counts; null when there is none.
  const std::string* find(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;
  std::vector<const Parameter*> with_prefix(std::string_view prefix) const;
  const std::vector<Parameter>& parameters() const { return parameters_; }

 private:
  std::vector<Parameter> parameters_;
};

// "%41" as "A". False when a code is broken; `lenient` keeps it as it is.
bool percent_decode(std::string_view raw, std::string& out, bool plus_is_blank, bool lenient);

}  // namespace luthier::rest
