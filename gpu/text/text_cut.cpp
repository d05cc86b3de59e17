#include "gpu/text/text_cut.hpp"

#include <algorithm>

namespace luthier::text {

std::size_t tokens_added_at_end(const Tokenizer& tokenizer) {
  const auto placed = tokenizer.encode_placed("a", true);
  if (!placed) return 0;
  const auto is_of_text = [](const PlacedToken& token) { return token.begin < token.end; };
  return static_cast<std::size_t>(std::find_if(placed->rbegin(), placed->rend(), is_of_text) - placed->rbegin());
}

void cut_text(std::vector<TokenId>& ids, std::int64_t length, std::size_t tail) {
  if (length <= 0 || ids.size() <= static_cast<std::size_t>(length)) return;
  const auto kept = static_cast<std::size_t>(length);
  if (tail < kept)
    std::copy(ids.end() - static_cast<std::ptrdiff_t>(tail), ids.end(), ids.begin() + static_cast<std::ptrdiff_t>(kept - tail));
  ids.resize(kept);
}

}  // namespace luthier::text
