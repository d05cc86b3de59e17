// Chat templates: Jinja, rendered as transformers renders them (trim_blocks, lstrip_blocks, tojson without HTML escapes).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::text {

struct Rendered {
  std::string text;
  // [begin, end) byte ranges of `{% generation %}` blocks, in order; empty when the template has none.
  std::vector<std::pair<std::size_t, std::size_t>> generated;
  bool marks_generated = false;  // the template has such blocks, whether or not this text came through one
};

// `variables` is an object: messages, tools, add_generation_prompt, bos_token, eos_token … Bounded in steps, depth and
// output, so that a hostile template ends with an error. A number `strftime_now` is the time that the function of that name
// shows, in seconds since 1970; without it that is the machine's local time.
Result<Rendered> render(std::string_view source, const nlohmann::ordered_json& variables);

// What transformers' apply_chat_template gives: `request` is {"messages", "tools"?, "documents"?, "add_generation_prompt"?,
// "chat_template"? (a source or the name of one of the model's), …other variables}. Adds the special tokens' texts, leaves out
// members of messages that are null, and knows a message's reasoning under all its names.
Result<Rendered> render_chat(const Tokenizer& tokenizer, const nlohmann::ordered_json& request);

}  // namespace luthier::text
