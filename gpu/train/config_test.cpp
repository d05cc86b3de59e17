#include "gpu/train/config.hpp"

#include <catch2/catch.hpp>

using namespace luthier;
using namespace luthier::train;

namespace {

TrainingConfig parsed(std::string_view text) {
  auto config = parse_training_config(text);
  if (!config) FAIL(config.error().message);
  return *config;
}

std::string refused_field(std::string_view text) {
  const auto config = parse_training_config(text);
  if (config) return "accepted";
  CHECK(config.error().code == ErrorCode::invalid);
  CHECK(config.error().message.find('\n') == std::string::npos);
  CHECK(config.error().message.find(config.error().field) != std::string::npos);
  return config.error().field;
}

}  // namespace

TEST_CASE("a full configuration is read as it is written") {
  const auto c = parsed(R"({"method": "lora", "lora": {"r": 4, "alpha": 32, "dropout": 0.1, "target_modules": ["q_proj"],
    "use_rslora": true}, "max_steps": 20, "batch_size": 2, "gradient_accumulation": 3, "learning_rate": 1e-3,
    "min_learning_rate": 1e-5, "warmup_steps": 4, "schedule": "linear", "betas": [0.8, 0.99], "eps": 1e-7,
    "weight_decay": 0.02, "max_grad_norm": 0, "max_seq_length": 128, "packing": true, "shuffle": true, "seed": 7,
    "dtype": "f32", "append_end_token": true})");
  CHECK(c.method == TrainingConfig::Method::lora);
  CHECK((c.lora.r == 4 && c.lora.alpha == 32 && c.lora.dropout == 0.1 && c.lora.use_rslora));
  CHECK(c.lora.target_modules == std::vector<std::string>{"q_proj"});
  CHECK(c.lora.target_pattern.empty());
  CHECK((c.max_steps == 20 && !c.epochs && c.batch_size == 2 && c.gradient_accumulation == 3));
  CHECK((c.learning_rate == 1e-3 && c.min_learning_rate == 1e-5 && c.warmup_steps == 4));
  CHECK(c.schedule == TrainingConfig::Schedule::linear);
  CHECK((c.beta1 == 0.8 && c.beta2 == 0.99 && c.eps == 1e-7 && c.weight_decay == 0.02 && c.max_grad_norm == 0));
  CHECK((c.max_seq_length == 128 && c.packing && c.shuffle && c.seed == 7 && c.append_end_token));
}

TEST_CASE("an empty configuration has every default, and its canonical form reads back as itself") {
  const auto defaults = parsed("{}");
  CHECK(defaults.epochs == 1);
  CHECK(defaults.lora.target_pattern == "all-linear");
  CHECK(canonical_json(defaults) ==
        R"({"method":"lora","lora":{"r":8,"alpha":16.0,"dropout":0.0,"target_modules":"all-linear","use_rslora":false},)"
        R"("max_steps":null,"epochs":1,"batch_size":8,"gradient_accumulation":1,"learning_rate":0.0001,)"
        R"("min_learning_rate":0.0,"warmup_steps":0,"schedule":"cosine","betas":[0.9,0.999],"eps":1e-08,)"
        R"("weight_decay":0.01,"max_grad_norm":1.0,"max_seq_length":2048,"packing":false,"shuffle":false,"seed":1,)"
        R"("dtype":"f32","append_end_token":false})");
  for (const char* text : {"{}", R"({"method":"full","max_steps":3})", R"({"lora":{"target_modules":["a","b"]},"epochs":2})"})
    CHECK(canonical_json(parsed(canonical_json(parsed(text)))) == canonical_json(parsed(text)));
}

TEST_CASE("younger members are read, and the canonical form has them where they say something") {
  const std::string text = R"({"lora": {"r": 4, "rank_pattern": {"v_proj": 2, "a.*q_proj": 16}, "alpha_pattern": {"q_proj": 32.0},
    "loraplus_lr_ratio": 16}, "optimizer_states": "bf16", "bucketing": true, "prompt_template": "{q} {a}", "validation_every": 5,
    "early_stopping": {"patience": 2, "min_delta": 0.01}, "keep_best": true, "spike_factor": 4, "dpo": {"beta": 0.2}})";
  const auto c = parsed(text);
  CHECK(c.lora.rank_pattern == std::vector<std::pair<std::string, std::int64_t>>{{"v_proj", 2}, {"a.*q_proj", 16}});
  CHECK(c.lora.alpha_pattern == std::vector<std::pair<std::string, double>>{{"q_proj", 32.0}});
  CHECK((c.loraplus_lr_ratio == 16 && c.optimizer_states == TrainingConfig::States::bf16 && c.bucketing));
  CHECK((c.prompt_template == "{q} {a}" && c.validation_every == 5 && c.keep_best && c.spike_factor == 4));
  REQUIRE((c.early_stopping && c.dpo && !c.distillation));
  CHECK((c.early_stopping->patience == 2 && c.early_stopping->min_delta == 0.01 && c.dpo->beta == 0.2));
  const auto distilled = parsed(R"({"distillation": {"temperature": 3, "mixing": 1}})");
  REQUIRE(distilled.distillation);
  CHECK((distilled.distillation->temperature == 3 && distilled.distillation->mixing == 1));
  for (const auto& config : {c, distilled}) CHECK(canonical_json(parsed(canonical_json(config))) == canonical_json(config));
  CHECK(canonical_json(c).find(R"("rank_pattern":{"v_proj":2,"a.*q_proj":16})") != std::string::npos);  // the first that fits counts
}

TEST_CASE("whatever does not fit is refused by the name of its member") {
  CHECK(refused_field(R"({"lora": {"r": 0}})") == "lora.r");
  CHECK(refused_field(R"({"lora": {"r": -3}})") == "lora.r");
  CHECK(refused_field(R"({"lora": {"r": 1.5}})") == "lora.r");
  CHECK(refused_field(R"({"lora": {"r": 99999999999999999999}})") == "lora.r");
  CHECK(refused_field(R"({"lora": {"alpha": 0}})") == "lora.alpha");
  CHECK(refused_field(R"({"lora": {"dropout": 1}})") == "lora.dropout");
  CHECK(refused_field(R"({"lora": {"target_modules": []}})") == "lora.target_modules");
  CHECK(refused_field(R"({"lora": {"target_modules": [3]}})") == "lora.target_modules");
  CHECK(refused_field(R"({"lora": {"rank": 3}})") == "lora.rank");
  CHECK(refused_field(R"({"lora": 3})") == "lora");
  CHECK(refused_field(R"({"learning_rat": 1})") == "learning_rat");
  CHECK(refused_field(R"({"learning_rate": -1})") == "learning_rate");
  CHECK(refused_field(R"({"learning_rate": "1"})") == "learning_rate");
  CHECK(refused_field(R"({"learning_rate": 1e999})").empty());  // no JSON number
  CHECK(refused_field(R"({"max_steps": 0})") == "max_steps");
  CHECK(refused_field(R"({"epochs": 0.5})") == "epochs");
  CHECK(refused_field(R"({"batch_size": 0})") == "batch_size");
  CHECK(refused_field(R"({"betas": [0.9]})") == "betas");
  CHECK(refused_field(R"({"betas": [0.9, 1]})") == "betas");
  CHECK(refused_field(R"({"eps": 0})") == "eps");
  CHECK(refused_field(R"({"max_seq_length": 1})") == "max_seq_length");
  CHECK(refused_field(R"({"method": "qlora"})") == "method");
  CHECK(refused_field(R"({"schedule": 3})") == "schedule");
  CHECK(refused_field(R"({"dtype": "f16"})") == "dtype");
  CHECK(refused_field(R"({"packing": 1})") == "packing");
  CHECK(refused_field(R"({"seed": -1})") == "seed");
  CHECK(refused_field(R"({"lora": {"rank_pattern": {"q_proj": 0}}})") == "lora.rank_pattern");
  CHECK(refused_field(R"({"lora": {"rank_pattern": ["q_proj"]}})") == "lora.rank_pattern");
  CHECK(refused_field(R"({"lora": {"alpha_pattern": {"q_proj": "1"}}})") == "lora.alpha_pattern");
  CHECK(refused_field(R"({"lora": {"loraplus_lr_ratio": 0}})") == "lora.loraplus_lr_ratio");
  CHECK(refused_field(R"({"optimizer_states": "int8"})") == "optimizer_states");
  CHECK(refused_field(R"({"early_stopping": {"patience": 0}})") == "early_stopping.patience");
  CHECK(refused_field(R"({"early_stopping": {"delta": 0}})") == "early_stopping.delta");
  CHECK(refused_field(R"({"early_stopping": true})") == "early_stopping");
  CHECK(refused_field(R"({"spike_factor": 0.5})") == "spike_factor");
  CHECK(refused_field(R"({"bucketing": true, "packing": true})") == "bucketing");
  CHECK(refused_field(R"({"layerwise_updates": true, "max_grad_norm": 0})") == "layerwise_updates");
  CHECK(refused_field(R"({"layerwise_updates": true, "method": "full"})") == "layerwise_updates");
  CHECK(refused_field(R"({"layerwise_updates": true, "method": "full", "max_grad_norm": 0, "gradient_accumulation": 2})") == "layerwise_updates");
  CHECK(parsed(R"({"layerwise_updates": true, "method": "full", "max_grad_norm": 0})").layerwise_updates);
  CHECK(refused_field(R"({"dpo": {"beta": 0}})") == "dpo.beta");
  CHECK(refused_field(R"({"dpo": {}, "distillation": {}})") == "distillation");
  CHECK(refused_field(R"({"distillation": {"mixing": 1.1}})") == "distillation.mixing");
  CHECK(refused_field(R"({"distillation": {"temperature": 0}})") == "distillation.temperature");
  CHECK(refused_field(R"({"prompt_template": 3})") == "prompt_template");
  CHECK(refused_field("[1]").empty());
  CHECK(refused_field("{").empty());
  CHECK(refused_field("").empty());
  CHECK_FALSE(parse_training_config(std::string(2 << 20, ' ')));
  CHECK_FALSE(parse_training_config(std::string(100000, '[')));
}
