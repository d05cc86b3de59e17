#pragma once

#include <string_view>
#include <unordered_map>

#include "gpu/text/jinja_machine.hpp"

namespace luthier::text::jinja {

const std::unordered_map<std::string_view, FilterFunction>& sequence_filters();

}  // namespace luthier::text::jinja
