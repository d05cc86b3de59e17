// Chat templates: Jinja, rendered as transformers renders them (trim_blocks, lstrip_blocks, tojson without HTML escapes).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::text {

struct Rendered {
  std::string text;
  // [begin, end) byte ranges of `{% generation %}` blocks, in order; empty when the template has none.
  std::vector<std::pair<std::size_t, std::size_t>> generated;
};

// `variables` is an object: messages, tools, add_generation_prompt, bos_token, eos_token … Bounded in steps, depth and
// output, so that a hostile template ends with an error.
Result<Rendered> render(std::string_view source, const nlohmann::ordered_json& variables);

}  // namespace luthier::text
