#include "projections/rows.hpp"

#include <cassert>

namespace luthier::projections {

std::string row_key(std::string_view entity, std::string_view workspace, std::string_view name) {
  return rows_of(entity, workspace).append(name);
}

std::string rows_of(std::string_view entity, std::string_view workspace) {
  return std::string(entity).append("/").append(workspace).append("/");
}

std::string with_member(const std::string& document, std::string_view name, const std::string& value) {
  assert(document.size() > 2 && document.back() == '}');
  return document.substr(0, document.size() - 1).append(",\"").append(name).append("\":").append(value).append("}");
}

}  // namespace luthier::projections
