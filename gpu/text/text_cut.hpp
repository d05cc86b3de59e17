// Texts that are too long for an embedding model lose their end, but for the special tokens there: a model that was trained with [SEP] or
// an end token behind every text, or that takes its vector from it, would not know one without.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gpu/text/tokenizer.hpp"

namespace luthier::text {

// How many tokens the tokenizer itself puts behind a text.
std::size_t tokens_added_at_end(const Tokenizer& tokenizer);

// At most `length` ids, the last `tail` of which are those that were the last; 0: no cut. With no room for others they go as well.
void cut_text(std::vector<TokenId>& ids, std::int64_t length, std::size_t tail);

}  // namespace luthier::text
