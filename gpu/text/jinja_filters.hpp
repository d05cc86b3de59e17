#pragma once

#include <string_view>
#include <unordered_map>

#include "gpu/text/jinja_machine.hpp"

namespace luthier::text::jinja {

using Filters = std::unordered_map<std::string_view, FilterFunction>;

const Filters& sequence_filters();
const Filters& number_filters();
const Filters& markup_filters();  // of HTML and URLs
Value wrap_words(Machine& machine, const Value& input, const Call& call);

}  // namespace luthier::text::jinja
