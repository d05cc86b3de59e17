#include "gpu/train/retrieval.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace luthier::train;

TEST_CASE("recall counts what was found of all that belongs to a query, nDCG also where") {
  // Of query 0 the order of documents is 1, 0, 2; of query 1 it is 2, 0, 1: of two that are alike the first.
  const RetrievalSet set{.width = 2,
                         .queries = {0, 1, 1, 0},
                         .documents = {0.6f, 0.8f, 0.6f, 0.9f, 0.7f, 0.1f},
                         .relevant = {{0, 2}, {1}}};
  const std::int64_t ks[] = {1, 2, 3};
  const auto scores = score_retrieval(set, ks);
  CHECK(scores.queries == 2);
  CHECK(scores.documents == 3);
  CHECK(scores.recall[0].second == 0);
  CHECK(scores.recall[1].second == Approx((0.5 + 0) / 2));
  CHECK(scores.recall[2].second == 1);
  const double first = (1 / std::log2(3.0) + 1 / std::log2(4.0)) / (1 + 1 / std::log2(3.0)), second = 1 / std::log2(4.0);
  CHECK(scores.ndcg == Approx((first + second) / 2));
}

TEST_CASE("a vector that is no number finds nothing, and beyond the tenth rank there is no gain") {
  RetrievalSet set{.width = 1, .queries = {1}, .documents = std::vector<float>(12, 0.5f), .relevant = {{11}}};
  const std::int64_t ks[] = {1, 12};
  CHECK(score_retrieval(set, ks).ndcg == 0);
  CHECK(score_retrieval(set, ks).recall[1].second == 1);
  set.documents[11] = 1;
  CHECK(score_retrieval(set, ks).ndcg == 1);
  set.queries[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK(score_retrieval(set, ks).recall[0].second == 0);
}
