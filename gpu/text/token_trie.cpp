#include "gpu/text/token_trie.hpp"

#include <algorithm>

namespace luthier::text {

TokenTrie::TokenTrie(std::vector<std::pair<std::string_view, std::int32_t>> strings) {
  std::stable_sort(strings.begin(), strings.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  struct Range {
    std::uint32_t begin, end, depth;  // the strings that share the node's bytes
  };
  std::vector<Range> ranges{{0, static_cast<std::uint32_t>(strings.size()), 0}};
  labels_.push_back(0);
  numbers_.push_back(-1);
  for (std::size_t node = 0; node < ranges.size(); ++node) {  // breadth first
    auto [at, end, depth] = ranges[node];
    first_.push_back(static_cast<std::uint32_t>(ranges.size()));
    for (; at < end && strings[at].first.size() == depth; ++at)
      if (depth > 0) numbers_[node] = strings[at].second;
    while (at < end) {
      const char label = strings[at].first[depth];
      const std::uint32_t begin = at;
      while (at < end && strings[at].first[depth] == label) ++at;
      ranges.push_back({begin, at, depth + 1});
      labels_.push_back(static_cast<unsigned char>(label));
      numbers_.push_back(-1);
    }
  }
  first_.push_back(static_cast<std::uint32_t>(ranges.size()));
  std::fill(std::begin(root_), std::end(root_), none);
  for (std::uint32_t at = first_[0]; at < first_[1]; ++at) root_[labels_[at]] = at;
}

std::uint32_t TokenTrie::child(std::uint32_t node, std::string_view bytes) const {
  for (const char c : bytes)
    if (node != none) node = child(node, static_cast<unsigned char>(c));
  return node;
}

}  // namespace luthier::text
