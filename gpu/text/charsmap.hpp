// SentencePiece's "precompiled charsmap": what characters become, in the trie that its trainer wrote.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::text {

class Charsmap {
 public:
  // `bytes`: the trie's size, the trie (a double array, see darts-clone) and what its values point at, texts that end with a zero.
  static Result<Charsmap> read(std::string_view bytes);

  // What a chunk of text becomes; none: the chunk stays. As in tokenizers, the shortest entry that the chunk starts with decides.
  std::optional<std::string_view> find(std::string_view chunk) const;

 private:
  std::vector<std::uint32_t> units_;
  std::string texts_;
};

}  // namespace luthier::text
