// A set of byte strings with a number each, to be walked byte by byte: finds all strings that a text starts with in one pass.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace luthier::text {

class TokenTrie {
 public:
  // Empty strings are left out; of equal ones the last counts.
  explicit TokenTrie(std::vector<std::pair<std::string_view, std::int32_t>> strings);

  static constexpr std::uint32_t root = 0, none = ~std::uint32_t{0};
  std::uint32_t child(std::uint32_t node, unsigned char byte) const {
    if (node == root) return root_[byte];
    const std::uint32_t begin = first_[node], end = first_[node + 1];
    for (std::uint32_t at = begin; at < end && at < begin + 8; ++at)
      if (labels_[at] == byte) return at;
    if (end - begin <= 8) return none;
    const void* found = std::memchr(labels_.data() + begin + 8, byte, end - begin - 8);
    return found == nullptr ? none : static_cast<std::uint32_t>(static_cast<const unsigned char*>(found) - labels_.data());
  }
  std::uint32_t child(std::uint32_t node, std::string_view bytes) const;
  std::int32_t number(std::uint32_t node) const { return numbers_[node]; }  // -1: no string ends here

 private:
  // The children of a node stand together, and those of the next node behind them.
  std::vector<std::uint32_t> first_;
  std::vector<unsigned char> labels_;
  std::vector<std::int32_t> numbers_;
  std::uint32_t root_[256];
};

}  // namespace luthier::text
