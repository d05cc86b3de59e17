#include "gpu/text/rows_chat.hpp"

#include <algorithm>

namespace luthier::text {
namespace {

using jinja::DictRef;
using jinja::Value;

constexpr std::size_t chat_bytes_max = 64 << 20;  // over all beginnings of a conversation that are rendered to find its answers

class Labeller {
 public:
  Labeller(ChatRenderer& chat, const Tokenizer& tokenizer, const Conversation& conversation)
      : chat_(chat), tokenizer_(tokenizer), conversation_(conversation) {}

  Result<Row> label(std::size_t learn_from) {
    const auto whole = beginning(conversation_.messages.size(), false);
    if (!whole) return whole.error();
    return whole->marks_generated ? by_blocks(*whole, learn_from) : by_beginnings(*whole, learn_from);
  }

 private:
  // The first `count` messages; of none, what the template puts in front of an answer.
  Result<Rendered> beginning(std::size_t count, bool prompt) {
    const auto& all = conversation_.messages;
    auto rendered = chat_.render({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)}, conversation_.tools, prompt, conversation_.variables);
    if (!rendered) return rendered;
    bytes_ += rendered->text.size() + count;
    if (bytes_ > chat_bytes_max) return Error{ErrorCode::limit, "the conversation is too long: its beginnings are more than 64 MiB of text", "messages"};
    return rendered;
  }

  Result<std::size_t> length_of(std::size_t count, bool prompt) {
    const auto rendered = beginning(count, prompt);
    if (!rendered) return rendered.error();
    const auto ids = tokenizer_.encode(rendered->text, false);
    if (!ids) return ids.error();
    return ids->size();
  }

  // Blocks and tokens both stand in order, so one walk finds which token lies in a block.
  Result<Row> by_blocks(const Rendered& whole, std::size_t learn_from) {
    const auto placed = tokenizer_.encode_placed(whole.text, false);
    if (!placed) return placed.error();
    const auto before = learn_from == 0 ? Result<std::size_t>(0) : length_of(learn_from, true);
    if (!before) return before.error();
    Row row;
    for (const auto& token : *placed) row.ids.push_back(token.id);
    row.labels.assign(row.ids.size(), no_loss);
    std::size_t block = 0;
    for (std::size_t i = 0; i < placed->size(); ++i) {
      while (block < whole.generated.size() && whole.generated[block].second <= (*placed)[i].begin) ++block;
      const bool lies_in_block = block < whole.generated.size() && (*placed)[i].end > whole.generated[block].first;
      if (lies_in_block && i >= *before) row.labels[i] = row.ids[i];
    }
    return row;
  }

  Result<Row> by_beginnings(const Rendered& whole, std::size_t learn_from) {
    auto ids = tokenizer_.encode(whole.text, false);
    if (!ids) return ids.error();
    Row row{std::move(*ids), {}};
    row.labels.assign(row.ids.size(), no_loss);
    const auto& messages = conversation_.messages;
    for (std::size_t i = learn_from; i < messages.size(); ++i) {
      if (!is_from_assistant(messages[i])) continue;
      const auto from = length_of(i, true);
      if (!from) return from.error();
      // The last answer ends where the whole conversation does.
      const auto to = i + 1 == messages.size() ? Result<std::size_t>(row.ids.size()) : length_of(i + 1, false);
      if (!to) return to.error();
      for (auto at = *from; at < std::min(*to, row.ids.size()); ++at) row.labels[at] = row.ids[at];
    }
    return row;
  }

  ChatRenderer& chat_;
  const Tokenizer& tokenizer_;
  const Conversation& conversation_;
  std::size_t bytes_ = 0;
};

}  // namespace

Result<Row> labelled(ChatRenderer& chat, const Tokenizer& tokenizer, const Conversation& conversation, std::size_t learn_from) {
  return Labeller(chat, tokenizer, conversation).label(learn_from);
}

bool is_from_assistant(const Value& message) {
  const auto* dict = message.get<DictRef>();
  const Value* role = dict != nullptr ? (*dict)->find("role") : nullptr;
  return role != nullptr && role->is_text() && role->text() == "assistant";
}

}  // namespace luthier::text
