#include "gpu/text/jinja_arguments.hpp"

#include <algorithm>

namespace luthier::text::jinja {

Bound::Bound(std::string_view function, const Call& call, std::initializer_list<std::string_view> names)
    : function_(function), names_(names), values_(names.size()) {
  if (call.positional.size() > names_.size())
    throw Failure{function_ + "() takes at most " + std::to_string(names_.size()) + " arguments, not " +
                  std::to_string(call.positional.size())};
  for (std::size_t i = 0; i < call.positional.size(); ++i) values_[i] = call.positional[i];
  for (const auto& [name, value] : call.named) {
    const auto at = static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
    if (at == names_.size()) throw Failure{function_ + "() got an unexpected keyword argument '" + name + "'"};
    if (values_[at]) throw Failure{function_ + "() got multiple values for argument '" + name + "'"};
    values_[at] = value;
  }
}

const Value& Bound::value(std::size_t parameter) const {
  if (!values_[parameter]) throw Failure{function_ + "() misses the argument '" + std::string(names_[parameter]) + "'"};
  return *values_[parameter];
}

bool Bound::flag(std::size_t parameter, bool otherwise) const {
  return values_[parameter] ? is_true(*values_[parameter]) : otherwise;
}

std::int64_t Bound::whole(std::size_t parameter, std::int64_t otherwise) const {
  if (!values_[parameter]) return otherwise;
  if (const auto number = as_integer(*values_[parameter])) return *number;
  throw Failure{function_ + "(): the argument '" + std::string(names_[parameter]) + "' is no integer but '" +
                type_name(*values_[parameter]) + "'"};
}

const std::string& Bound::text(std::size_t parameter) const {
  if (const auto& given = value(parameter); given.is_text()) return given.text();
  throw Failure{function_ + "(): the argument '" + std::string(names_[parameter]) + "' is no string but '" +
                type_name(*values_[parameter]) + "'"};
}

std::string Bound::text(std::size_t parameter, std::string_view otherwise) const {
  return values_[parameter] ? text(parameter) : std::string(otherwise);
}

}  // namespace luthier::text::jinja
