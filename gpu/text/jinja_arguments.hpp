// The arguments of a built-in function under the names of its parameters.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/text/jinja_value.hpp"

namespace luthier::text::jinja {

class Bound {
 public:
  // Too many arguments, unknown names and a parameter that is given twice are failures.
  Bound(std::string_view function, const Call& call, std::initializer_list<std::string_view> names);

  bool has(std::size_t parameter) const { return values_[parameter].has_value(); }
  // Given and not None.
  bool is_set(std::size_t parameter) const { return has(parameter) && !values_[parameter]->is_none(); }
  const Value& value(std::size_t parameter) const;  // a failure when it is missing
  bool flag(std::size_t parameter, bool otherwise) const;
  std::int64_t whole(std::size_t parameter, std::int64_t otherwise) const;
  const std::string& text(std::size_t parameter) const;
  std::string text(std::size_t parameter, std::string_view otherwise) const;

 private:
  std::string function_;
  std::vector<std::string_view> names_;
  std::vector<std::optional<Value>> values_;
};

}  // namespace luthier::text::jinja
