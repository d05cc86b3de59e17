#include "gpu/checkpoint/hub_config.hpp"

#include "gpu/checkpoint/json_file.hpp"
#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

using nlohmann::json;

json tiny_config() { return read_json(models / "llama-tiny" / "config.json"); }

// llama-tiny's configuration with members changed; "-" takes one away.
json config_with(const json& changes) {
  auto config = tiny_config();
  for (const auto& [key, value] : changes.items()) {
    if (value == "-") config.erase(key);
    else config[key] = value;
  }
  return config;
}

Decoder decoder_with(const json& changes) {
  const auto decoder = parse_hub_config(config_with(changes), "config.json");
  REQUIRE((decoder ? "" : decoder.error().message) == "");
  return *decoder;
}

std::string refusal(const json& changes) {
  const auto decoder = parse_hub_config(config_with(changes), "config.json");
  return decoder ? "" : decoder.error().message;
}

}  // namespace

TEST_CASE("members that config.json leaves out have transformers' values") {
  const auto d = decoder_with({{"num_key_value_heads", "-"}, {"head_dim", "-"}, {"rms_norm_eps", "-"}, {"architectures", "-"},
                               {"tie_word_embeddings", "-"}, {"attention_bias", "-"}, {"mlp_bias", "-"}, {"hidden_act", "-"},
                               {"max_position_embeddings", "-"}, {"rope_parameters", "-"}, {"bos_token_id", "-"},
                               {"eos_token_id", "-"}, {"pad_token_id", "-"}});
  CHECK(d.num_kv_heads == 4);
  CHECK(d.head_dim == 16);
  CHECK(d.rms_norm_eps == 1e-6);
  CHECK(d.architecture == "LlamaForCausalLM");
  CHECK_FALSE(d.tie_word_embeddings);
  CHECK_FALSE(d.qkv_bias);
  CHECK_FALSE(d.output_bias);
  CHECK(d.max_position_embeddings == 2048);
  CHECK(d.rope == Rope{});
  CHECK(d.bos_token_id == 1);
  CHECK(d.eos_token_ids == std::vector<std::int64_t>{2});
  CHECK(d.pad_token_id == -1);
}

TEST_CASE("token ids may be one, several, null or -1") {
  CHECK(decoder_with({{"eos_token_id", {5, 6}}}).eos_token_ids == std::vector<std::int64_t>{5, 6});
  CHECK(decoder_with({{"eos_token_id", nullptr}}).eos_token_ids.empty());
  CHECK(decoder_with({{"bos_token_id", nullptr}, {"pad_token_id", -1}}).bos_token_id == -1);
  auto d = decoder_with({});
  REQUIRE(apply_generation_config({{"eos_token_id", {7}}, {"pad_token_id", 3}}, "generation_config.json", d));
  CHECK(d.eos_token_ids == std::vector<std::int64_t>{7});
  CHECK(d.pad_token_id == 3);
  CHECK(d.bos_token_id == 1);
  CHECK(apply_generation_config({{"eos_token_id", {7, 288}}}, "generation_config.json", d).error().message ==
        "generation_config.json: eos_token_id: 288 is not between -1 and 287");
}

TEST_CASE("both spellings of positions are read, and the old one wins where both are") {
  const json scaling = {{"rope_type", "llama3"}, {"factor", 32.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 8192}};
  Rope llama3;
  llama3.kind = Rope::Kind::llama3;
  llama3.theta = 500000;
  llama3.factor = 32;
  llama3.original_max_position_embeddings = 8192;
  CHECK(decoder_with({{"rope_theta", 500000}, {"rope_scaling", scaling}, {"rope_parameters", "-"}}).rope == llama3);
  auto parameters = scaling;
  parameters["rope_theta"] = 500000.0;
  CHECK(decoder_with({{"rope_parameters", parameters}}).rope == llama3);
  CHECK(decoder_with({{"rope_theta", 500000}, {"rope_scaling", scaling}}).rope == llama3);

  CHECK(decoder_with({{"rope_theta", 5e5}, {"rope_scaling", nullptr}, {"rope_parameters", "-"}}).rope.theta == 5e5);
  const auto linear = decoder_with({{"rope_scaling", {{"type", "linear"}, {"factor", 2}}}}).rope;
  CHECK(linear.kind == Rope::Kind::linear);
  CHECK(linear.factor == 2);
  CHECK(decoder_with({{"rope_scaling", {{"type", "dynamic"}, {"factor", 2}}}}).rope.kind == Rope::Kind::dynamic);
}

TEST_CASE("YaRN and longrope are read with all their numbers") {
  const auto yarn = decoder_with({{"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4}, {"beta_fast", 16}, {"truncate", false},
                                                    {"attention_factor", 1.5}, {"mscale", 0.5}}}}).rope;
  CHECK(yarn.kind == Rope::Kind::yarn);
  CHECK(yarn.original_max_position_embeddings == 512);  // max_position_embeddings, where nothing else is said
  CHECK(yarn.beta_fast == 16);
  CHECK(yarn.beta_slow == 1);
  CHECK_FALSE(yarn.truncate);
  CHECK(yarn.attention_factor == 1.5);
  CHECK(yarn.mscale == 0.5);

  const json eight = {1, 1, 1, 1, 2, 2, 2, 2.5};
  const json scaling = {{"rope_type", "longrope"}, {"short_factor", eight}, {"long_factor", eight}};
  const auto longrope = decoder_with({{"rope_scaling", scaling}, {"original_max_position_embeddings", 128}}).rope;
  CHECK(longrope.original_max_position_embeddings == 128);
  CHECK(longrope.factor == 4);  // 512 / 128
  CHECK(longrope.short_factor == eight.get<std::vector<double>>());
  CHECK(refusal({{"rope_scaling", {{"rope_type", "longrope"}, {"short_factor", {1}}, {"long_factor", eight}}}}) ==
        "config.json: rope_scaling: short_factor: is not a list of 8 numbers");
}

TEST_CASE("what is written as config.json is read back the same") {
  const json eight = {1, 1, 1, 1, 2, 2, 2, 2.5};
  const std::vector<json> ropes{
      {{"rope_type", "default"}},
      {{"rope_type", "linear"}, {"factor", 2}},
      {{"rope_type", "dynamic"}, {"factor", 2}},
      {{"rope_type", "llama3"}, {"factor", 8}, {"low_freq_factor", 1}, {"high_freq_factor", 4}, {"original_max_position_embeddings", 64}},
      {{"rope_type", "yarn"}, {"factor", 4}, {"beta_fast", 16}, {"truncate", false}, {"attention_factor", 1.5}, {"mscale", 0.5}, {"mscale_all_dim", 1}},
      {{"rope_type", "longrope"}, {"factor", 3}, {"short_factor", eight}, {"long_factor", eight}}};
  for (const auto& rope : ropes) {
    INFO(rope.dump());
    auto before = decoder_with({{"rope_scaling", rope}, {"rope_theta", 5e5}, {"eos_token_id", {2, 0}}, {"attention_bias", true}});
    const auto text = hub_config(before).dump();
    before.dtype = "float32";
    auto after = parse_hub_config(json::parse(text), "config.json");
    REQUIRE((after ? "" : after.error().message) == "");
    CHECK(*after == before);
    REQUIRE(apply_generation_config(json::parse(hub_generation_config(before).dump()), "g", *after));
    CHECK(*after == before);
  }
}

TEST_CASE("what was read without the old spelling of positions is written with both") {
  const json parameters = {{"rope_type", "linear"}, {"rope_theta", 5e5}, {"factor", 2.0}};
  const auto written = hub_config(decoder_with({{"rope_parameters", parameters}, {"dtype", "bfloat16"}}));
  CHECK(json(written["rope_parameters"]) == parameters);
  CHECK(written["rope_theta"] == 5e5);
  CHECK(json(written["rope_scaling"]) == json{{"rope_type", "linear"}, {"factor", 2.0}});
  CHECK(written["torch_dtype"] == "float32");
  CHECK_FALSE(written.contains("dtype"));
}

TEST_CASE("a config.json that is wrong is refused with its member") {
  CHECK(refusal({{"num_hidden_layers", 0}}) == "config.json: num_hidden_layers: 0 is not between 1 and 1000");
  CHECK(refusal({{"num_hidden_layers", 1001}}) == "config.json: num_hidden_layers: 1001 is not between 1 and 1000");
  CHECK(refusal({{"num_hidden_layers", "-"}}) == "config.json: num_hidden_layers: is missing");
  CHECK(refusal({{"num_hidden_layers", 2.0}}) == "config.json: num_hidden_layers: is not an integer");
  CHECK(refusal({{"hidden_size", -64}}) == "config.json: hidden_size: -64 is not between 1 and 1048576");
  CHECK(refusal({{"hidden_size", 18446744073709551615ull}}) ==
        "config.json: hidden_size: 18446744073709551615 is not between 1 and 1048576");
  CHECK(refusal({{"hidden_size", "64"}}) == "config.json: hidden_size: is not an integer");
  CHECK(refusal({{"num_attention_heads", 3}}) == "config.json: num_attention_heads: 3 heads do not divide hidden_size 64");
  CHECK(refusal({{"num_key_value_heads", 3}}) == "config.json: num_key_value_heads: 3 does not divide num_attention_heads 4");
  CHECK(refusal({{"num_key_value_heads", 8}}) == "config.json: num_key_value_heads: 8 does not divide num_attention_heads 4");
  CHECK(refusal({{"head_dim", 15}}) == "config.json: head_dim: 15 is not even, so its dimensions cannot be rotated in pairs");
  CHECK(refusal({{"vocab_size", nullptr}}) == "config.json: vocab_size: is missing");
  CHECK(refusal({{"rms_norm_eps", -1}}) == "config.json: rms_norm_eps: -1 is not between 0.0 and 1.0");
  CHECK(refusal({{"tie_word_embeddings", 1}}) == "config.json: tie_word_embeddings: is not true or false");
  CHECK(refusal({{"bos_token_id", 288}}) == "config.json: bos_token_id: 288 is not between -1 and 287");
  CHECK(refusal({{"eos_token_id", {2, "x"}}}) == "config.json: eos_token_id: is not an integer");
  const std::string all = "llama, nemotron-nas, llama_bidirec, mistral, qwen2, qwen3, qwen3_moe, smollm3, phi3, gemma, gemma2, gemma3_text, "
                          "gpt_oss, bert, roberta, xlm-roberta";
  CHECK(refusal({{"model_type", "qwen2_moe"}}) ==
        "config.json: model_type: family qwen2_moe is not supported; qwen3_moe is the nearest of " + all);
  CHECK(refusal({{"model_type", "gemma3"}, {"text_config", {{"hidden_size", 64}}}}) ==
        "config.json: model_type: gemma3 takes more than text, which is not supported; a text model of the same family may be: "
        "gemma is the nearest of " + all);
  CHECK(refusal({{"model_type", "-"}}) == "config.json: model_type: is missing");
  CHECK(refusal({{"architectures", {"LlamaForSequenceClassification"}}}) ==
        "config.json: architectures: LlamaForSequenceClassification is not supported; of llama there are LlamaForCausalLM, LlamaModel");
  CHECK(refusal({{"architectures", {"LlamaForSequenceClassification"}}, {"num_labels", 1}}) ==
        "config.json: architectures: LlamaForSequenceClassification ranks passages and gives no embeddings; use an embedding model, such "
        "as a LlamaBidirectionalModel or a BertModel");
  CHECK(refusal({{"hidden_act", "tanh"}}) ==
        "config.json: hidden_act: tanh is not supported; silu, gelu, gelu_pytorch_tanh, gelu_new and relu are");
  CHECK(refusal({{"quantization_config", {{"bits", 4}}}}).starts_with("config.json: quantization_config: quantised"));
  CHECK(refusal({{"rope_scaling", {{"rope_type", "mrope"}}}}) ==
        "config.json: rope_scaling: rope_type: mrope is not supported; default, linear, dynamic, llama3, yarn and longrope are");
  CHECK(refusal({{"rope_scaling", {{"rope_type", "linear"}}}}) == "config.json: rope_scaling: factor: is missing");
  CHECK(refusal({{"rope_scaling", "linear"}}) == "config.json: rope_scaling: is not an object");
  CHECK(refusal({{"rope_parameters", {{"rope_theta", 0}}}}).starts_with("config.json: rope_parameters: rope_theta: 0 is not between"));
  CHECK(refusal({{"partial_rotary_factor", 0.5}}).starts_with("config.json: partial_rotary_factor: other than 1"));
}

TEST_CASE("JSON that is hostile is refused before it is looked at") {
  const auto why = [](const std::string& text) { return parse_object(text, "config.json").error().message; };
  CHECK(why("{\"a\": NaN}").starts_with("config.json: is not JSON: parse error at line 1, column 7"));
  CHECK(why("{\"a\": 1e999}").starts_with("config.json: is not JSON: "));
  CHECK(why("") == "config.json: is not JSON: parse error at line 1, column 1: syntax error while parsing value - unexpected end "
                   "of input; expected '[', '{', or a literal");
  CHECK(why("[]") == "config.json: is not a JSON object");
  CHECK(why("{\"\xFF\": 1}").starts_with("config.json: is not JSON: "));
  CHECK(why(std::string(1'000'000, '[')) == "config.json: is nested deeper than 64 levels");
  CHECK(parse_object("{\"[[[\\\"[[[\": \"" + std::string(1000, '{') + "\"}", "config.json"));  // brackets in strings are text
  std::string many = "{";
  for (int i = 0; i < 300'000; ++i) many += "\"" + std::to_string(i) + "\":1,";
  CHECK(parse_object(many + "\"z\":1}", "config.json"));  // in no more than moments
}

}  // namespace luthier::checkpoint
