// GGUF files of the families besides llama, and what transformers reads from them: tests/golden/make_gguf_goldens.py.
#include "gpu/checkpoint/hub_config.hpp"
#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

using nlohmann::json;

// What the golden of the family would be without what GGUF cannot say.
Decoder expected(const std::string& golden, const json& changes) {
  auto config = read_json(std::filesystem::path("tests/golden/families") / golden / "config.json");
  config.update({{"bos_token_id", 1}, {"eos_token_id", 2}, {"pad_token_id", nullptr}});
  config.update(changes);
  const auto decoder = parse_hub_config(config, "config.json");
  REQUIRE((decoder ? "" : decoder.error().message) == "");
  return *decoder;
}

}  // namespace

TEST_CASE("GGUF files of other families than llama are read as transformers reads them") {
  const std::vector<std::tuple<std::string, std::string, json>> cases{
      {"qwen2", "qwen2", {{"use_sliding_window", false}}},
      {"qwen3", "qwen3", json::object()},
      {"qwen3moe", "qwen3-moe", {{"mlp_only_layers", json::array()}, {"num_hidden_layers", 2}}},
      {"gemma2", "gemma2", {{"query_pre_attn_scalar", 12}}},
      {"gemma3", "gemma3", {{"query_pre_attn_scalar", 12}, {"sliding_window_pattern", 6}}}};
  for (const auto& [file, golden, changes] : cases) {
    INFO(file);
    const auto model = load_model(goldens / (file + ".gguf"));
    REQUIRE((model ? "" : model.error().message) == "");
    auto wanted = expected(golden, changes);
    wanted.dtype = model->decoder.dtype;
    CHECK(model->decoder == wanted);
    check_digests(model->weights, goldens / (file + ".gguf.digests.json"));

    const auto scratch = TemporaryDirectory::make();
    REQUIRE(scratch);
    REQUIRE(save_model(scratch->path() / "copy", model->decoder, model->weights));
    const auto copy = read_decoder(scratch->path() / "copy");
    REQUIRE((copy ? "" : copy.error().message) == "");
    wanted.dtype = "float32";
    CHECK(*copy == wanted);
  }
}

TEST_CASE("what llama.cpp's converter makes of a checkpoint is read as the checkpoint that it was") {
  int judged = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden/gguf")) {
    if (entry.path().extension() != ".gguf") continue;
    INFO(entry.path().stem().string());
    const auto golden = read_json(std::filesystem::path(entry.path()).replace_extension("json"));
    auto config = golden["config"];
    config.update({{"bos_token_id", 1}, {"eos_token_id", 2}, {"pad_token_id", nullptr}});  // all that is in the file of these
    auto wanted = parse_hub_config(config, "config.json");
    REQUIRE((wanted ? "" : wanted.error().message) == "");
    const auto model = load_model(entry.path());
    REQUIRE((model ? "" : model.error().message) == "");
    if (wanted->family == "nemotron-nas") wanted->rope.original_max_position_embeddings = model->decoder.rope.original_max_position_embeddings;
    wanted->dtype = model->decoder.dtype;
    if (golden.contains("pooling")) wanted->pooling = Pooling::last;
    CHECK(model->decoder == *wanted);

    const auto scratch = TemporaryDirectory::make();
    REQUIRE(scratch);
    REQUIRE(save_model(scratch->path() / "copy", model->decoder, model->weights));
    const auto copy = read_decoder(scratch->path() / "copy");
    REQUIRE((copy ? "" : copy.error().message) == "");
    wanted->dtype = "float32";
    wanted->pooling = Pooling::none;  // whose files gpu/train writes
    CHECK(*copy == *wanted);
    ++judged;
  }
  CHECK(judged == 13);
}

TEST_CASE("a GGUF file of layers that differ, of scaled positions or of windows is refused by key where its numbers do not fit") {
  const auto spoiled = [](const char* file, const std::string& from, const std::string& to) {
    return refusal_of_spoiled(std::filesystem::path("tests/golden/gguf") / file, from, to);
  };
  const auto number = [](const std::string& key, std::uint32_t type, auto value) {
    return key + std::string(reinterpret_cast<const char*>(&type), 4) + std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  const auto array = [](const std::string& key, std::vector<std::int32_t> values) {  // of int32
    const std::uint32_t header[]{9, 5};
    const std::uint64_t count = values.size();
    return key + std::string(reinterpret_cast<const char*>(header), 8) + std::string(reinterpret_cast<const char*>(&count), 8) +
           std::string(reinterpret_cast<const char*>(values.data()), 4 * values.size());
  };
  const auto heads = [&](std::vector<std::int32_t> values) { return array("deci.attention.head_count", std::move(values)); };
  const auto groups = [&](std::vector<std::int32_t> values) { return array("deci.attention.head_count_kv", std::move(values)); };
  const auto widths = [&](std::vector<std::int32_t> values) { return array("deci.feed_forward_length", std::move(values)); };
  CHECK(spoiled("deci.gguf", heads({4, 0, 0}), heads({4, 0, 2})) == "metadata deci.attention.head_count: 2 of layer 2 is neither 0 nor the 4 of others");
  CHECK(spoiled("deci.gguf", heads({4, 0, 0}), heads({4, 4, 0})) == "metadata deci.attention.head_count_kv: 0 of layer 1 does not fit its 4 heads");
  CHECK(spoiled("deci.gguf", groups({2, 0, 0}), groups({3, 0, 0})) == "metadata deci.attention.head_count_kv: 3 of layer 0 does not fit its 4 heads");
  CHECK(spoiled("deci.gguf", groups({2, 0, 0}), groups({2, 0, -1})) == "metadata deci.attention.head_count_kv: -1 is not between 0 and 65536");
  CHECK(spoiled("deci.gguf", widths({256, 0, 512}), widths({256, 0, 500})) == "metadata deci.feed_forward_length: 500 of layer 2 is not a multiple of 256");
  CHECK(spoiled("deci.gguf", number("deci.block_count", 4, 3u), number("deci.block_count", 4, 2u)) ==
        "metadata deci.attention.head_count: has 3 entries for 2 layers");
  CHECK(spoiled("qwen2-yarn.gguf", "scaling.original_context_length", "scaling.0riginal_context_length") ==
        "qwen2.rope.scaling.original_context_length: is missing");
  CHECK(spoiled("qwen2-yarn.gguf", number("qwen2.rope.scaling.factor", 6, 4.0f), number("qwen2.rope.scaling.factor", 6, 0.5f)) ==
        "qwen2.rope.scaling.factor: is not a number from 1");
  CHECK(spoiled("phi3-longrope.gguf", "rope_factors_short.weight", "rope_factors_shirt.weight") == "tensor rope_factors_short.weight: is missing");
  CHECK(spoiled("phi3-longrope.gguf", number("phi3.rope.dimension_count", 4, 12u), number("phi3.rope.dimension_count", 4, 14u)) ==
        "tensor rope_factors_long.weight: has shape [6], not [7]");
  CHECK(spoiled("phi3-longrope.gguf", number("phi3.rope.dimension_count", 4, 12u), number("phi3.rope.dimension_count", 4, 18u)) ==
        "metadata phi3.rope.dimension_count: 18 is not between 2 and 16");
  CHECK(spoiled("qwen3-embedding.gguf", number("qwen3.pooling_type", 4, 3u), number("qwen3.pooling_type", 4, 4u)) ==
        "metadata qwen3.pooling_type: 4 is not supported; 0 (none), 1 (mean), 2 (first token) and 3 (last token) are");
  CHECK(spoiled("gpt-oss.gguf", "blk.0.ffn_up_exps.bias", "blk.0.ffn_ip_exps.bias") == "tensor blk.0.ffn_up_exps.bias: is missing");
}

TEST_CASE("no flipped byte in the header of a GGUF file of experts does more than make an error") {
  const auto whole = read_bytes(goldens / "qwen3moe.gguf");
  TemporaryDirectory directory;
  const auto path = directory.path() / "a.gguf";
  int noticed = 0;
  for (std::size_t at = 0; at < 6000; at += 3) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 7);
    write_bytes(path, bytes);
    noticed += !read_decoder(path);
  }
  CHECK(noticed > 500);
}

}  // namespace luthier::checkpoint
