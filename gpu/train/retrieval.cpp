#include "gpu/train/retrieval.hpp"

#include <algorithm>
#include <cmath>

#include "gpu/kernels/gemm.hpp"

namespace luthier::train {
namespace {

constexpr std::size_t queries_at_once = 32;

// Its place among all documents, from 1. Without a score it is the last.
std::int64_t rank_of(const float* scores, std::size_t documents, std::size_t document) {
  if (std::isnan(scores[document])) return static_cast<std::int64_t>(documents);
  std::int64_t before = 0;
  for (std::size_t other = 0; other < documents; ++other)
    before += scores[other] > scores[document] || (scores[other] == scores[document] && other < document);
  return before + 1;
}

double gain(std::int64_t rank) { return rank <= ndcg_ranks ? 1 / std::log2(1 + static_cast<double>(rank)) : 0; }

double best_gain(std::size_t relevant) {
  double sum = 0;
  for (std::size_t rank = 1; rank <= relevant; ++rank) sum += gain(static_cast<std::int64_t>(rank));
  return sum;
}

}  // namespace

RetrievalScores score_retrieval(const RetrievalSet& set, std::span<const std::int64_t> ks) {
  const auto width = static_cast<std::size_t>(set.width);
  const std::size_t queries = set.relevant.size(), documents = width > 0 ? set.documents.size() / width : 0;
  RetrievalScores result{.queries = static_cast<std::int64_t>(queries), .documents = static_cast<std::int64_t>(documents)};
  for (const std::int64_t k : ks) result.recall.emplace_back(k, 0.0);
  std::vector<float> scores(std::min(queries, queries_at_once) * documents);
  for (std::size_t first = 0; first < queries; first += queries_at_once) {
    const std::size_t count = std::min(queries_at_once, queries - first);
    kernels::linear(static_cast<std::int64_t>(count), set.width, static_cast<std::int64_t>(documents), set.queries.data() + first * width,
                    set.width, set.documents.data(), 0, scores.data(), static_cast<std::int64_t>(documents));
    for (std::size_t q = 0; q < count; ++q) {
      const auto& relevant = set.relevant[first + q];
      double gained = 0;
      for (const std::size_t document : relevant) {
        const std::int64_t rank = rank_of(scores.data() + q * documents, documents, document);
        gained += gain(rank);
        for (auto& [k, recall] : result.recall) recall += rank <= k ? 1 / static_cast<double>(relevant.size()) : 0;
      }
      result.ndcg += gained / best_gain(relevant.size());
    }
  }
  for (auto& [k, recall] : result.recall) recall /= static_cast<double>(queries);
  if (queries > 0) result.ndcg /= static_cast<double>(queries);
  return result;
}

}  // namespace luthier::train
