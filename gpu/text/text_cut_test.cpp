#include "gpu/text/text_cut.hpp"

#include <catch2/catch.hpp>

#include "gpu/text/rows.hpp"

using namespace luthier;
using namespace luthier::text;

namespace {

// [CLS] = 2 in front and [SEP] = 3 behind; "w0" = 7, "w1" = 8 …
Tokenizer tokenizer() {
  auto loaded = Tokenizer::load("tests/golden/contrastive");
  REQUIRE(loaded);
  return *loaded;
}

}  // namespace

TEST_CASE("a text that is too long loses words, and keeps the special tokens around them") {
  CHECK(tokens_added_at_end(tokenizer()) == 1);
  std::vector<TokenId> ids{2, 7, 8, 9, 3};
  cut_text(ids, 5, 1);
  CHECK(ids == std::vector<TokenId>{2, 7, 8, 9, 3});
  cut_text(ids, 3, 1);
  CHECK(ids == std::vector<TokenId>{2, 7, 3});
  cut_text(ids, 1, 1);
  CHECK(ids == std::vector<TokenId>{2});
}

TEST_CASE("embedding rows have their query cut by itself, as many negatives as are wanted, and no empty text") {
  RowReader reader(tokenizer(), {.max_seq_length = 4, .query_length_max = 3, .negatives_max = 1});
  const auto example = reader.read(R"({"query":"w0 w1 w2","pos_doc":"w3 w4 w5","neg_doc":["w6","w7"]})");
  REQUIRE(example);
  REQUIRE(example->parts.size() == 3);
  CHECK(example->parts[0].ids == std::vector<TokenId>{2, 7, 3});
  CHECK(example->parts[1].ids == std::vector<TokenId>{2, 10, 11, 3});
  CHECK(example->parts[1].labels.size() == 4);
  CHECK(example->parts[2].ids == std::vector<TokenId>{2, 13, 3});
  CHECK(example->tokens_uncut == 13);
  CHECK(reader.read(R"({"query":" ","pos_doc":"w3","neg_doc":[]})").error().message == "\"query\" is an empty text");
  CHECK(reader.read(R"({"query":"w1","pos_doc":"","neg_doc":[]})").error().message == "\"pos_doc\" is an empty text");
  CHECK(reader.read(R"({"query":"w1","pos_doc":"w2","neg_doc":[""]})").error().message == "\"neg_doc\" has an empty text");
  RowReader needs(tokenizer(), {.negatives_needed = true});
  CHECK(needs.read(R"({"query":"w1","pos_doc":"w2","neg_doc":[]})").error().field == "neg_doc");
}
