#include "gpu/checkpoint/hub_spec.hpp"

#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

using Json = nlohmann::ordered_json;

// Of eight layers, each 64 wide.
nlohmann::json config_with(const nlohmann::json& changes) {
  nlohmann::json config = {{"architectures", {"SomeForCausalLM"}}, {"model_type", "some"}, {"num_hidden_layers", 8}, {"hidden_size", 64},
                           {"num_attention_heads", 4}, {"intermediate_size", 100}, {"vocab_size", 1000}, {"hidden_act", "silu"}};
  for (const auto& [name, value] : changes.items()) {
    if (value == "-")
      config.erase(name);
    else
      config[name] = value;
  }
  return config;
}

Json spec_with(const nlohmann::json& changes) {
  const auto spec = hub_spec(config_with(changes), "config.json");
  INFO((spec ? "" : spec.error().message));
  REQUIRE(spec);
  return *spec;
}

struct Case {
  const char* what;
  nlohmann::json changes;
  std::int64_t parameters;
};

}  // namespace

TEST_CASE("the number of parameters follows the contract's formula") {
  // attention 4*64*64 = 16384, with two of four heads for keys 2*64*64 + 2*64*(2*16) = 12288; feed-forward 3*64*100 = 19200;
  // norms 2*64; embedding 1000*64 = 64000; the last norm 64.
  const std::vector<Case> cases = {
      {"all heads have keys", {}, 8 * (16384 + 19200 + 128) + 2 * 64000 + 64},
      {"tied", {{"tie_word_embeddings", true}}, 8 * (16384 + 19200 + 128) + 64000 + 64},
      {"grouped keys", {{"num_key_value_heads", 2}}, 8 * (12288 + 19200 + 128) + 2 * 64000 + 64},
      {"an explicit head size does not count", {{"head_dim", 128}}, 8 * (16384 + 19200 + 128) + 2 * 64000 + 64},
      {"no gate", {{"hidden_act", "relu2"}}, 8 * (16384 + 12800 + 128) + 2 * 64000 + 64},
      {"GPT-2's names and defaults",
       {{"num_hidden_layers", "-"}, {"n_layer", 8}, {"hidden_size", "-"}, {"n_embd", 64}, {"num_attention_heads", "-"}, {"n_head", 4},
        {"intermediate_size", "-"}, {"vocab_size", "-"}, {"hidden_act", "-"}, {"activation_function", "gelu_new"}},
       8 * (16384 + 2 * 64 * 256 + 128) + 2 * (50257LL * 64) + 64},
      {"experts in every layer", {{"num_local_experts", 4}, {"num_experts_per_tok", 2}},
       8 * (16384 + 64 * 4 + 4 * 19200 + 128) + 2 * 64000 + 64},
      {"experts of their own size, one shared, not in the first layer",
       {{"n_routed_experts", 4}, {"num_experts_per_tok", 2}, {"moe_intermediate_size", 10}, {"n_shared_experts", 1}, {"first_k_dense_replace", 1}},
       (16384 + 19200 + 128) + 7 * (16384 + 64 * 4 + 5 * (3 * 64 * 10) + 128) + 2 * 64000 + 64},
      {"one expert is none", {{"num_experts", 1}, {"num_experts_per_tok", 1}}, 8 * (16384 + 19200 + 128) + 2 * 64000 + 64},
      {"Mamba", {{"model_type", "mamba2"}, {"state_size", 32}}, 8 * (2 * 64 * 128 + 64 * 32) + 8 * 128 + 2 * 64000 + 64},
      {"a hybrid", {{"hybrid_override_pattern", "M-M*M-M*"}},
       4 * (2 * 64 * 128 + 64 * 16) + 2 * 16384 + 2 * 19200 + 8 * 128 + 2 * 64000 + 64},
      {"the language model of several", {{"num_hidden_layers", 1}, {"text_config", config_with({})}}, 8 * (16384 + 19200 + 128) + 2 * 64000 + 64},
  };
  for (const auto& [what, changes, parameters] : cases) {
    INFO(what);
    CHECK(spec_with(changes)["base_num_parameters"] == parameters);
  }
}

TEST_CASE("whether the feed-forward has a gate follows from the activation's name") {
  for (const auto& [activation, gated] : std::vector<std::pair<std::string, bool>>{
           {"silu", true}, {"gelu", true}, {"SiLU", true}, {"swiglu", true}, {"geglu_tanh", true}, {"relu", false}, {"relu2", false}, {"gelu_new", false},
           {"gelu_pytorch_tanh", false}, {"swish", false}})
    CHECK(spec_with({{"hidden_act", activation}})["gated_mlp"] == gated);
  CHECK(spec_with({{"hidden_act", "-"}})["gated_mlp"] == false);
  CHECK(spec_with({{"hidden_act", "-"}, {"mlp_hidden_act", "silu"}})["gated_mlp"] == true);
}

TEST_CASE("the precision is the type of the weights, else the bits of their quantisation") {
  CHECK(spec_with({{"torch_dtype", "bfloat16"}})["precision"] == "bfloat16");
  CHECK(spec_with({{"torch_dtype", "torch.float16"}})["precision"] == "float16");
  CHECK(spec_with({{"quantization_config", {{"bits", 4}}}})["precision"] == "int4");
  CHECK(spec_with({{"torch_dtype", "float64"}})["precision"] == "float32");
  CHECK(spec_with({})["precision"] == "float32");
}

TEST_CASE("experts, state spaces and windows are shown where there are any") {
  auto spec = spec_with({});
  CHECK(spec["moe_config"].is_null());
  CHECK(spec["mamba_config"].is_null());
  CHECK(spec["sliding_window_config"].is_null());
  spec = spec_with({{"num_local_experts", 8}, {"num_experts_per_tok", 2}, {"sliding_window", 4096}});
  CHECK(spec["moe_config"] == Json::parse(R"({"num_experts":8,"num_experts_per_tok":2,"num_expert_layers":8,"expert_ffn_size":null,"num_shared_experts":0})"));
  CHECK(spec["sliding_window_config"] == Json::parse(R"({"window_size":4096})"));
  CHECK(spec_with({{"hybrid_override_pattern", "M-M*M-M*"}})["mamba_config"] ==
        Json::parse(R"({"is_hybrid":true,"num_mamba_layers":4,"num_attention_layers":2,"num_mlp_layers":2,"state_size":16,"conv_kernel":4})"));
}

TEST_CASE("what is missing or out of bounds is named") {
  const auto problem = [](const nlohmann::json& changes) {
    const auto spec = hub_spec(config_with(changes), "config.json");
    return spec ? "" : spec.error().message;
  };
  CHECK(problem({{"num_hidden_layers", "-"}}) == "config.json: num_hidden_layers: is missing");
  CHECK(problem({{"model_type", "-"}}) == "config.json: model_type: is missing");
  CHECK(problem({{"hidden_size", 0}}) == "config.json: hidden_size: 0 is too small");
  CHECK(problem({{"vocab_size", -1}}).find("vocab_size: -1 is no whole number") != std::string::npos);
  CHECK(problem({{"num_hidden_layers", 1e30}}).find("num_hidden_layers") != std::string::npos);
  CHECK_FALSE(hub_spec(nlohmann::json::array(), "config.json"));
}

}  // namespace luthier::checkpoint
