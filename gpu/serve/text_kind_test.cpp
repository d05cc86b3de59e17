#include "gpu/serve/text_kind.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "gpu/serve/openai_request.hpp"
#include "gpu/serve/pool.hpp"

using namespace luthier;
using namespace luthier::serve;

TEST_CASE("a question and what may answer it get the words that the model was trained with, and nothing else does") {
  checkpoint::Decoder decoder;
  decoder.query_prefix = "query: ";
  decoder.passage_prefix = "passage: ";
  CHECK(prefix_of(decoder, *text_kind("query")) == "query: ");
  CHECK(prefix_of(decoder, *text_kind("passage")) == "passage: ");
  CHECK(prefix_of(decoder, *text_kind("")).empty());
  REQUIRE_FALSE(text_kind("question"));
  const auto request = [](const char* type) {
    return read_embedding_request(nlohmann::ordered_json{{"model", "m"}, {"input", "x"}, {"input_type", type}});
  };
  CHECK(request("passage")->kind == TextKind::passage);
  const auto refused = request("question");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().field == "input_type");
}

TEST_CASE("an embedding is the mean, the first or the last hidden state, of length one") {
  const std::vector<std::vector<float>> states{{3, 0}, {0, 4}, {-3, 0}, {0, 1}};
  const auto pooled = [&](checkpoint::Pooling kind) {
    Pool pool(kind);
    for (const auto& state : states) pool.add(state);
    return pool.vector();
  };
  CHECK(pooled(checkpoint::Pooling::mean) == std::vector<float>{0, 1});
  CHECK(pooled(checkpoint::Pooling::none) == std::vector<float>{0, 1});
  CHECK(pooled(checkpoint::Pooling::cls) == std::vector<float>{1, 0});
  CHECK(pooled(checkpoint::Pooling::last) == std::vector<float>{0, 1});
  Pool nothing(checkpoint::Pooling::mean);
  nothing.add(std::vector<float>{0, 0});
  CHECK(nothing.vector() == std::vector<float>{0, 0});
}
