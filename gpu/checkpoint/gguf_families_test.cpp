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
