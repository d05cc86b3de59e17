#include "gpu/checkpoint/describe.hpp"

#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {

TEST_CASE("a model is described as the platform's contract says") {
  auto spec = describe_model(models / "llama-tiny");
  REQUIRE(spec);
  const auto layers = (*spec)["linear_layers"];
  CHECK(layers.size() == 15);
  CHECK(layers[1] == nlohmann::ordered_json({{"name", "model.layers.0.self_attn.k_proj"}, {"in_features", 64}, {"out_features", 32}}));
  CHECK(layers[14]["name"] == "lm_head");
  spec->erase("linear_layers");
  CHECK(*spec == nlohmann::ordered_json::parse(R"({
    "checkpoint_model_name": "LlamaForCausalLM", "family": "llama", "num_layers": 2, "hidden_size": 64,
    "num_attention_heads": 4, "num_kv_heads": 2, "ffn_hidden_size": 96, "vocab_size": 288, "tied_embeddings": true,
    "gated_mlp": true, "base_num_parameters": 80192, "precision": "bfloat16", "is_chat": true, "context_size": 512,
    "head_dim": 16, "rope": {"rope_type": "default", "rope_theta": 10000.0}, "rms_norm_eps": 1e-5, "format": "safetensors",
    "weight_bytes_f32": 320768, "bos_token_id": 1, "eos_token_ids": [2, 0], "pad_token_id": 2})"));
}

TEST_CASE("the number of parameters ignores an explicit head size, as the contract's formula does") {
  const auto spec = describe_model(models / "llama-tiny-untied");
  REQUIRE(spec);
  CHECK((*spec)["head_dim"] == 16);  // hidden 32 / 4 heads would be 8
  CHECK((*spec)["base_num_parameters"] == 2 * ((2 * 32 * 32 + 2 * 32 * 16) + 3 * 32 * 48 + 2 * 32) + 2 * 288 * 32 + 32);
  CHECK((*spec)["is_chat"] == true);  // chat_template.jinja
  CHECK((*spec)["rope"]["rope_type"] == "llama3");
  CHECK((*spec)["precision"] == "float32");
}

TEST_CASE("a GGUF file is described by its metadata") {
  const auto spec = describe_model(goldens / "mixed.gguf");
  REQUIRE(spec);
  CHECK((*spec)["format"] == "gguf");
  CHECK((*spec)["is_chat"] == false);
  CHECK((*spec)["context_size"] == 512);
  CHECK_FALSE(describe_model("tests/golden"));
}

TEST_CASE("a family that the engine does not have is described, with the reason why it cannot be used") {
  const auto scratch = TemporaryDirectory::make();
  REQUIRE(scratch);
  const auto model = copy_model(models / "llama-tiny", scratch->path());
  auto config = read_json(model / "config.json");
  config["model_type"] = "starcoder2";
  config["architectures"] = {"Starcoder2ForCausalLM"};
  write_bytes(model / "config.json", config.dump());
  const auto spec = describe_model(model);
  REQUIRE(spec);
  CHECK((*spec)["family"] == "starcoder2");
  CHECK((*spec)["base_num_parameters"] == 80192);
  CHECK((*spec)["is_chat"] == true);
  CHECK_FALSE(spec->contains("linear_layers"));
  CHECK((*spec)["unsupported"].get<std::string>().starts_with("config.json: model_type: family starcoder2 is not supported; "));
}

TEST_CASE("experts, windows and the way of pooling are described where there are any") {
  const auto scratch = TemporaryDirectory::make();
  REQUIRE(scratch);
  const auto spec_of = [&](const std::string& family) {
    const auto model = copy_model(std::filesystem::path("tests/golden/families") / family, scratch->path());
    write_bytes(model / "tokenizer_config.json", "{}");
    const auto spec = describe_model(model);
    REQUIRE((spec ? "" : spec.error().message) == "");
    CHECK_FALSE(spec->contains("unsupported"));
    return *spec;
  };
  const auto experts = spec_of("qwen3-moe");
  CHECK(experts["family"] == "qwen3_moe");
  CHECK(experts["moe_config"] == nlohmann::ordered_json::parse(R"({"num_experts": 6, "num_experts_per_tok": 2, "num_expert_layers": 2,
                                                                  "expert_ffn_size": 12, "num_shared_experts": 0})"));
  const std::int64_t attention = 2 * 32 * 32 + 2 * 32 * 16, sparse = 6 * 3 * 32 * 12 + 32 * 6, dense = 3 * 32 * 40;
  CHECK(experts["base_num_parameters"] == 3 * (attention + 2 * 32) + 2 * sparse + dense + 2 * 128 * 32 + 32);
  const auto oss = spec_of("gpt-oss-mxfp4");
  CHECK(oss["precision"] == "mxfp4");
  CHECK(oss["sliding_window_config"]["window_size"] == 6);
  CHECK(oss["linear_layers"].size() == 9);
  const auto encoder = spec_of("xlm-roberta");
  CHECK(encoder["pooling"] == "mean");
  CHECK(encoder["context_size"] == 48);
  CHECK(encoder["gated_mlp"] == false);
  CHECK(encoder["rope"].is_null());
  CHECK_FALSE(encoder.contains("moe_config"));
}

TEST_CASE("a directory without weights or without a tokenizer is not a model yet") {
  for (const std::string missing : {"model.safetensors", "tokenizer"}) {
    const auto scratch = TemporaryDirectory::make();
    REQUIRE(scratch);
    const auto model = copy_model(models / "llama-tiny", scratch->path());
    for (const auto* file : {"model.safetensors", "tokenizer.json", "tokenizer_config.json"})
      if (std::string(file).starts_with(missing)) std::filesystem::remove(model / file);
    const auto spec = describe_model(model);
    REQUIRE_FALSE(spec);
    CHECK(spec.error().message.find(missing == "tokenizer" ? "has no tokenizer" : "no weights") != std::string::npos);
  }
}

}  // namespace luthier::checkpoint
