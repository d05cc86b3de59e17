// How well vectors find what belongs to a query: all documents are ranked by their cosine with it, the best first; of equal ones that
// which was added first.
//
//   recall@k = how many of the query's documents are among the first k, of all that it has
//   nDCG@10  = the sum of 1 / log2(1 + rank) over those among the first 10, of the most that it could be
// Both are means over the queries.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace luthier::train {

inline constexpr std::int64_t ndcg_ranks = 10;

struct RetrievalScores {
  std::int64_t queries = 0, documents = 0;
  std::vector<std::pair<std::int64_t, double>> recall = {};  // by k
  double ndcg = 0;
};

// Texts by their own bytes, or by those of their ids: each once, in the order in which they came.
class TextSet {
 public:
  // Its number, and whether it is new.
  std::pair<std::size_t, bool> add(std::string key) {
    const auto [at, is_new] = numbers_.try_emplace(std::move(key), numbers_.size());
    return {at->second, is_new};
  }
  std::size_t size() const { return numbers_.size(); }

 private:
  std::unordered_map<std::string, std::size_t> numbers_;
};

struct RetrievalSet {
  std::int64_t width = 0;
  std::vector<float> queries, documents;            // [n, width], of length 1
  std::vector<std::vector<std::size_t>> relevant;   // of each query, each document once; at least one
};

RetrievalScores score_retrieval(const RetrievalSet& set, std::span<const std::int64_t> ks);

}  // namespace luthier::train
