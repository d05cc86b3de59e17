// Every family, as transformers publishes it: tests/golden/make_family_goldens.py.
#include <algorithm>
#include <cmath>
#include <set>

#include "gpu/checkpoint/hub_config.hpp"
#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path families = "tests/golden/families";

std::vector<std::string> all_families() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(families)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

json config_of(const std::string& family) { return read_json(families / family / "config.json"); }

Decoder decoder_of(const std::string& family, const json& changes = json::object()) {
  auto config = config_of(family);
  config.update(changes);
  const auto decoder = parse_hub_config(config, "config.json");
  REQUIRE((decoder ? "" : decoder.error().message) == "");
  return *decoder;
}

std::string refusal(const std::string& family, const json& changes) {
  auto config = config_of(family);
  config.update(changes);
  const auto decoder = parse_hub_config(config, "config.json");
  return decoder ? "" : decoder.error().message;
}

std::vector<std::int64_t> windows(const Decoder& d) {
  std::vector<std::int64_t> result;
  for (const auto& layer : d.layers) result.push_back(layer.window);
  return result;
}

using Windows = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("the tensors of each family are those that it trains") {
  REQUIRE(all_families().size() >= 20);
  for (const auto& family : all_families()) {
    INFO(family);
    const auto model = load_model(families / family);
    REQUIRE((model ? "" : model.error().message) == "");
    const auto expected = SafetensorsFile::open(families / family / "expected.safetensors");
    REQUIRE(expected);
    std::set<std::string> ours, theirs;
    for (const auto& [name, tensor] : model->weights.tensors()) ours.insert(name);
    for (const auto& [name, tensor] : expected->tensors())
      if (name.starts_with("gradient.")) theirs.insert(name.substr(9));
    CHECK((theirs.empty() || ours == theirs));
    for (const auto& [name, tensor] : model->weights.tensors())
      CHECK(std::any_of(tensor.values.begin(), tensor.values.end(), [](float value) { return value != 0; }));
  }
}

TEST_CASE("each family is written as it was read") {
  for (const auto& family : all_families()) {
    INFO(family);
    const auto scratch = TemporaryDirectory::make();
    REQUIRE(scratch);
    auto before = load_model(families / family);
    REQUIRE(before);
    REQUIRE(save_model(scratch->path() / "copy", before->decoder, before->weights));
    const auto after = load_model(scratch->path() / "copy");
    REQUIRE((after ? "" : after.error().message) == "");
    before->decoder.dtype = "float32";
    CHECK(after->decoder == before->decoder);
    for (const auto& [name, tensor] : before->weights.tensors()) CHECK(digest(*after->weights.find(name)) == digest(tensor));
    CHECK_FALSE(read_json(scratch->path() / "copy" / "config.json").contains("quantization_config"));
  }
}

TEST_CASE("a model that is written as bfloat16 is read back rounded") {
  const auto scratch = TemporaryDirectory::make();
  REQUIRE(scratch);
  const auto before = load_model(families / "gpt-oss");
  REQUIRE(before);
  const auto copy = scratch->path() / "copy";
  REQUIRE(save_model(copy, before->decoder, before->weights, 20'000, StoreAs::bf16));
  CHECK(fs::exists(copy / "model.safetensors.index.json"));
  CHECK(read_json(copy / "config.json")["torch_dtype"] == "bfloat16");
  const auto after = load_model(copy);
  REQUIRE((after ? "" : after.error().message) == "");
  CHECK(after->decoder.dtype == "bfloat16");
  for (const auto& [name, tensor] : before->weights.tensors()) {
    const auto& rounded = after->weights.find(name)->values;
    int wrong = 0;
    for (std::size_t i = 0; i < rounded.size(); ++i) wrong += !(std::abs(rounded[i] - tensor.values[i]) <= std::abs(tensor.values[i]) / 256);
    INFO(name);
    CHECK(wrong == 0);
  }
}

TEST_CASE("experts in MXFP4 are widened to what they mean") {
  const auto model = load_model(families / "gpt-oss-mxfp4");
  REQUIRE(model);
  CHECK(model->decoder.dtype == "mxfp4");
  const auto stored = SafetensorsFile::open(families / "gpt-oss-mxfp4" / "model.safetensors");
  REQUIRE(stored);
  const std::string name = "model.layers.1.mlp.experts.down_proj";
  const auto& blocks = stored->find(name + "_blocks")->bytes;
  const auto& scales = stored->find(name + "_scales")->bytes;
  const auto* tensor = model->weights.find(name);
  REQUIRE(tensor->shape == std::vector<std::int64_t>{6, 32, 32});
  constexpr float values[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  int wrong = 0;
  for (std::size_t e = 0; e < 6; ++e)
    for (std::size_t in = 0; in < 32; ++in)
      for (std::size_t out = 0; out < 32; ++out) {
        const auto row = e * 32 + out;
        const auto byte = std::to_integer<int>(blocks[row * 16 + in / 2]), code = in % 2 == 0 ? byte & 15 : byte >> 4;
        const float value = std::ldexp(values[code & 7], std::to_integer<int>(scales[row]) - 127) * (code > 7 ? -1.0f : 1.0f);
        wrong += tensor->values[(e * 32 + in) * 32 + out] != value;
      }
  CHECK(wrong == 0);
}

TEST_CASE("windows are those of the layers that have one") {
  CHECK(windows(decoder_of("mistral")) == Windows{6, 6});
  CHECK(windows(decoder_of("mistral", {{"sliding_window", nullptr}})) == Windows{0, 0});
  CHECK(windows(decoder_of("qwen2")) == Windows{0, 6, 6});
  CHECK(windows(decoder_of("qwen2", {{"use_sliding_window", false}})) == Windows{0, 0, 0});
  CHECK(windows(decoder_of("qwen2", {{"layer_types", {"sliding_attention", "full_attention", "full_attention"}}})) == Windows{6, 0, 0});
  CHECK(windows(decoder_of("gemma2")) == Windows{6, 0});
  CHECK(windows(decoder_of("gemma3")) == Windows{6, 0, 6});
  CHECK(windows(decoder_of("gpt-oss")) == Windows{6, 0});
  CHECK(windows(decoder_of("phi3")) == Windows{10, 10});
  CHECK(refusal("gpt-oss", {{"layer_types", {"chunked_attention", "full_attention"}}}) ==
        "config.json: layer_types: chunked_attention is not supported; full_attention and sliding_attention are");
  CHECK(refusal("gpt-oss", {{"layer_types", {"full_attention"}}}) == "config.json: layer_types: has 1 entries for 2 layers");
  CHECK(refusal("gpt-oss", {{"sliding_window", nullptr}}) ==
        "config.json: layer_types: has sliding_attention, and no sliding_window is given or used");
}

TEST_CASE("Gemma's two kinds of positions are read in both spellings") {
  const auto old = decoder_of("gemma3");
  CHECK(old.rope.kind == Rope::Kind::linear);
  CHECK(old.rope.theta == 1e6);
  CHECK(old.local_rope.kind == Rope::Kind::plain);
  CHECK(old.local_rope.theta == 1e4);
  CHECK(old.layers[0].positions == Positions::local_rope);
  CHECK(old.layers[1].positions == Positions::rope);
  auto config = config_of("gemma3");
  for (const char* member : {"rope_theta", "rope_local_base_freq", "rope_scaling"}) config.erase(member);
  config["rope_parameters"] = {{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 1e6}}},
                               {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 1e4}}}};
  const auto fresh = parse_hub_config(config, "config.json");
  REQUIRE(fresh);
  CHECK(*fresh == old);
  const auto written = hub_config(*fresh);
  CHECK(written["rope_local_base_freq"] == 1e4);
  CHECK(written["rope_scaling"]["factor"] == 8.0);
}

TEST_CASE("Phi-3 rotates a part of each head, with as many factors") {
  const auto d = decoder_of("phi3-longrope");
  CHECK(d.head_dim == 16);
  CHECK(d.rotary_dim == 12);
  CHECK(d.rope.short_factor.size() == 6);
  CHECK(d.rope.original_max_position_embeddings == 16);
  CHECK(d.rope.factor == 4);
  const json early = {{"type", "su"}, {"short_factor", d.rope.short_factor}, {"long_factor", d.rope.long_factor}};
  CHECK(decoder_of("phi3-longrope", {{"rope_scaling", early}}).rope == d.rope);
  CHECK(refusal("phi3-longrope", {{"partial_rotary_factor", 0.7}}) ==
        "config.json: partial_rotary_factor: gives 11 of 16 dimensions, which cannot be rotated in pairs");
  CHECK(refusal("phi3-longrope", {{"partial_rotary_factor", 0.5}}) == "config.json: rope_scaling: short_factor: is not a list of 4 numbers");
}

TEST_CASE("experts are in the layers that have them") {
  const auto all_but_one = decoder_of("qwen3-moe"), every_second = decoder_of("qwen3-moe-unscaled");
  const auto experts = [](const Decoder& d) {
    std::vector<std::int64_t> counts;
    for (const auto& layer : d.layers) counts.push_back(layer.num_experts);
    return counts;
  };
  CHECK(experts(all_but_one) == std::vector<std::int64_t>{6, 0, 6});
  CHECK(experts(every_second) == std::vector<std::int64_t>{0, 6, 0});
  CHECK(all_but_one.layers[0].intermediate_size == 12);
  CHECK(all_but_one.layers[1].intermediate_size == 40);
  CHECK(all_but_one.experts.sums_to_one);
  CHECK_FALSE(every_second.experts.sums_to_one);
  CHECK(refusal("qwen3-moe", {{"num_experts_per_tok", 7}}) == "config.json: num_experts_per_tok: 7 is more than the 6 experts");
  CHECK(refusal("qwen3-moe", {{"num_experts", 65536}, {"num_hidden_layers", 1000}}) ==
        "config.json: num_hidden_layers: and the number of experts give more than 262144 tensors");
  CHECK(refusal("gpt-oss", {{"num_local_experts", 65536}, {"intermediate_size", 1 << 22}, {"hidden_size", 1 << 16}}) ==
        "config.json: intermediate_size: gives one layer more weights than any model has");
}

TEST_CASE("a layer of DeciLM lacks what its block says") {
  const auto d = decoder_of("nemotron-nas");
  CHECK(d.layers[0] == LayerShape{.num_heads = 4, .num_kv_heads = 2, .intermediate_size = 256});
  CHECK(d.layers[1] == LayerShape{.num_heads = 0, .num_kv_heads = 0, .intermediate_size = 512});
  CHECK(d.layers[2] == LayerShape{.num_heads = 4, .num_kv_heads = 1, .intermediate_size = 0});
  CHECK(d.layers[3] == LayerShape{.num_heads = 4, .num_kv_heads = 4, .intermediate_size = 256});
  CHECK(d.num_kv_heads == 4);
  CHECK(d.intermediate_size == 512);
  const auto with_block = [](const json& changed) {
    auto blocks = config_of("nemotron-nas")["block_configs"];
    blocks[1].update(changed, true);
    return refusal("nemotron-nas", {{"block_configs", blocks}});
  };
  CHECK(with_block({{"attention", {{"no_op", false}, {"n_heads_in_group", 3}}}}) ==
        "config.json: block_configs[1]: attention: n_heads_in_group: 3 does not divide num_attention_heads 4");
  CHECK(with_block({{"attention", {{"replace_with_linear", true}}}}) ==
        "config.json: block_configs[1]: attention: replace_with_linear: is not supported");
  CHECK(with_block({{"ffn", {{"ffn_mult", 1e9}}}}).starts_with("config.json: block_configs[1]: ffn: ffn_mult: 1000000000.0 is not between"));
  CHECK(with_block({{"ffn", 7}}) == "config.json: block_configs[1]: ffn: is not an object");
  CHECK(refusal("nemotron-nas", {{"block_configs", json::array()}}) ==
        "config.json: block_configs: is not a list of 4 objects, one for each layer");
}

TEST_CASE("embedding models have no head, see all tokens, and pool as their files say") {
  for (const std::string family : {"llama-bidirectional", "bert", "xlm-roberta"}) {
    INFO(family);
    const auto d = decoder_of(family);
    CHECK_FALSE(d.has_head);
    CHECK(d.attend == Attend::all);
    CHECK(d.pooling == Pooling::mean);
  }
  CHECK(decoder_of("llama-bidirectional").query_prefix == "query: ");
  CHECK(decoder_of("xlm-roberta").position_offset == 2);
  CHECK(read_decoder(families / "xlm-roberta")->tensor_prefix == "roberta.");
  CHECK(read_decoder(families / "bert")->tensor_prefix == "");
  CHECK(refusal("bert", {{"position_embedding_type", "relative_key"}}) ==
        "config.json: position_embedding_type: relative_key is not supported; absolute is");

  const auto scratch = TemporaryDirectory::make();
  REQUIRE(scratch);
  const auto model = copy_model(families / "bert", scratch->path());
  fs::create_directory(model / "1_Pooling");
  write_bytes(model / "1_Pooling" / "config.json", R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})");
  write_bytes(model / "config_sentence_transformers.json", R"({"prompts": {"query": "q: ", "document": "d: "}})");
  const auto d = read_decoder(model);
  REQUIRE(d);
  CHECK(d->pooling == Pooling::cls);
  CHECK(d->query_prefix == "q: ");
  CHECK(d->passage_prefix == "d: ");
  fs::create_directory(model / "2_Dense");
  CHECK(read_decoder(model).error().message.ends_with("2_Dense: a layer behind the pooled vector is not supported; use a model without one"));
  fs::remove(model / "2_Dense");
  write_bytes(model / "1_Pooling" / "config.json", R"({"pooling_mode_max_tokens": true})");
  CHECK(read_decoder(model).error().message.ends_with("pooling_mode_max_tokens: is not supported; the mean, the first token and the last one are"));
}

TEST_CASE("a decoder that makes vectors may be published without its head and without the prefix of one that has it") {
  for (const std::string family : {"mistral", "qwen2", "qwen3", "qwen3-moe", "smollm3", "phi3", "gemma2", "gemma3", "gpt-oss"})
    for (const bool says_what_it_is : {true, false}) {
      INFO(family << " " << says_what_it_is);
      const auto whole = load_model(families / family);
      REQUIRE(whole);
      TemporaryDirectory scratch;
      const auto model = copy_model(families / family, scratch.path());
      std::map<std::string, TensorToWrite> without;
      for (const auto& [name, tensor] : whole->weights.tensors())
        if (name != "lm_head.weight") without.emplace(name.substr(std::string_view("model.").size()), TensorToWrite{tensor.shape, tensor.values});
      REQUIRE(write_safetensors(model / "model.safetensors", without, {{"format", "pt"}}, StoreAs::f32));
      auto config = read_json(model / "config.json");
      auto architecture = config["architectures"][0].get<std::string>();
      if (says_what_it_is) architecture.replace(architecture.find("ForCausalLM"), 11, family == "gemma3" ? "TextModel" : "Model");
      config.update({{"architectures", {architecture}}, {"tie_word_embeddings", false}});
      write_bytes(model / "config.json", config.dump());
      fs::create_directory(model / "1_Pooling");
      write_bytes(model / "1_Pooling" / "config.json", R"({"pooling_mode_lasttoken": true})");
      const auto read = load_model(model);
      REQUIRE((read ? "" : read.error().message) == "");
      CHECK_FALSE(read->decoder.has_head);
      CHECK(read->decoder.pooling == Pooling::last);
      CHECK(read->weights.tensors().size() == without.size());
      for (const auto& [name, tensor] : without) {
        INFO(name);
        const auto* found = read->weights.find(name);
        REQUIRE(found);
        CHECK(std::equal(tensor.values.begin(), tensor.values.end(), found->values.begin(), found->values.end()));
      }
      fs::remove_all(model / "1_Pooling");
      const auto unpooled = load_model(model);
      if (says_what_it_is) CHECK(unpooled->decoder.pooling == Pooling::mean);
      else CHECK(unpooled.error().message.ends_with("tensor lm_head.weight: is missing"));
    }
}

TEST_CASE("modules.json says where the way of pooling stands, and what cannot be done is refused by its type") {
  TemporaryDirectory scratch;
  const auto model = copy_model(families / "bert", scratch.path());
  const auto modules = [&](const std::string& type, const std::string& path) {
    write_bytes(model / "modules.json", json::array({{{"idx", 0}, {"name", "0"}, {"path", ""}, {"type", "sentence_transformers.models.Transformer"}},
                                                     {{"idx", 1}, {"name", "1"}, {"path", path}, {"type", type}}}).dump());
    const auto decoder = read_decoder(model);
    return decoder ? std::string() : decoder.error().message.substr((model / "modules.json").string().size() + 2);
  };
  fs::create_directory(model / "pool");
  write_bytes(model / "pool" / "config.json", R"({"pooling_mode_cls_token": true})");
  CHECK(modules("sentence_transformers.models.Pooling", "pool") == "");
  CHECK(read_decoder(model)->pooling == Pooling::cls);
  CHECK(modules("sentence_transformers.models.Normalize", "2_Normalize") == "");
  CHECK(read_decoder(model)->pooling == Pooling::mean);
  CHECK(modules("sentence_transformers.models.Dense", "2") ==
        "type: sentence_transformers.models.Dense is not supported; Transformer, Pooling and Normalize are");
  CHECK(modules("sentence_transformers.models.Pooling", "../pool") == "path: ../pool is not a folder of this directory");
  write_bytes(model / "modules.json", "{}");
  CHECK(read_decoder(model).error().message.ends_with("modules.json: is not a JSON array"));
  fs::remove(model / "modules.json");
  fs::create_directory(model / "1_Pooling");
  write_bytes(model / "1_Pooling" / "config.json", R"({"pooling_mode_mean_tokens": true, "include_prompt": false})");
  CHECK(read_decoder(model));
  write_bytes(model / "config_sentence_transformers.json", R"({"prompts": {"query": "q: "}})");
  CHECK(read_decoder(model).error().message.ends_with("include_prompt: false, a mean without the tokens of the prompt, is not supported"));
}

}  // namespace luthier::checkpoint
