// A conversation to ids and labels: which of its tokens the model is to learn, found by the template itself. Internal to the readers
// of rows.
#pragma once

#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/chat_renderer.hpp"
#include "gpu/text/rows.hpp"

namespace luthier::text {

struct Conversation {
  const std::vector<jinja::Value>& messages;
  jinja::Value tools = jinja::none();
  jinja::Value variables = jinja::none();  // what else the template may ask for
};

// Loss inside the template's `{% generation %}` blocks if it has any; else, for each assistant message i, on the tokens from
// length(messages before i, with generation prompt) to length(messages up to i). Nothing before message `learn_from` takes loss.
Result<Row> labelled(ChatRenderer& chat, const Tokenizer& tokenizer, const Conversation& conversation, std::size_t learn_from = 0);

bool is_from_assistant(const jinja::Value& message);

}  // namespace luthier::text
