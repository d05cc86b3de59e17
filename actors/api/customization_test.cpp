#include <catch2/catch.hpp>

#include "actors/api/customization_compile.hpp"
#include "actors/api/customization_deploy.hpp"
#include "actors/api/customization_names.hpp"
#include "actors/api/customization_rules.hpp"
#include "actors/api/customization_schema.hpp"

using namespace luthier;
using namespace luthier::api;
using rest::Json;

namespace {

const Json classic = Json::parse(R"({"model": "default/smol", "dataset": "fileset://default/rows",
                                     "training": {"type": "sft", "peft": {"type": "lora"}}})");
const Json automodel = Json::parse(R"({"model": "smol", "dataset": {"training": "rows"}, "training": {}})");
const Json unsloth = Json::parse(R"({"model": {"name": "smol"}, "dataset": {"path": "rows"}})");

const Json& smallest(Backend backend) {
  return backend == Backend::classic ? classic : backend == Backend::automodel ? automodel : unsloth;
}

Json with(Backend backend, const char* patch) {
  Json spec = smallest(backend);
  spec.merge_patch(Json::parse(patch));
  return spec;
}

// The types and places of what is wrong, as "type at a.b.c"; and the sentence.
std::pair<std::string, std::string> first_problem(Backend backend, const Json& spec) {
  const auto [value, problems] = rest::validate(spec_schema(backend), spec, Json::array());
  if (problems.empty()) return {};
  std::string place;
  for (const auto& part : problems[0].loc) place += (place.empty() ? "" : ".") + (part.is_string() ? part.get<std::string>() : part.dump());
  return {problems[0].type + " at " + place, problems[0].msg};
}

Json filled(Backend backend, const Json& spec) {
  auto [value, problems] = rest::validate(spec_schema(backend), spec);
  for (const auto& problem : problems) FAIL(problem.msg << " at " << problem.loc.dump());
  fill_in(backend, value);
  return value;
}

Result<Compiled> compiled(Backend backend, const char* patch = "{}", ModelFacts model = {"default/smol", 1'000'000, {}, false}) {
  return compile(backend, filled(backend, with(backend, patch)), model);
}

const ModelFacts embedder{"default/embedder", 1'000'000, {}, true};

std::string refusal(Backend backend, const char* patch, ModelFacts model = {"default/smol", 1'000'000, {}, false}) {
  const auto result = compiled(backend, patch, std::move(model));
  return result ? "" : result.error().message;
}

}  // namespace

TEST_CASE("the defaults of the classic spec are the contract's") {
  const auto spec = filled(Backend::classic, classic);
  CHECK(spec["training"]["peft"] == Json::parse(R"({"type": "lora", "rank": 8, "alpha": 32, "dropout": 0.0, "target_modules": null, "merge": false,
                                                    "use_dora": false, "quantization": null})"));
  CHECK(spec["training"]["learning_rate"] == 1e-4);
  CHECK(spec["training"]["batch_size"] == 32);
  CHECK(spec["training"]["parallelism"]["expert_parallel_size"].is_null());
  CHECK(spec["deployment_config"].is_null());
  CHECK(spec["custom_fields"] == Json::object());
  CHECK(filled(Backend::classic, with(Backend::classic, R"({"deployment_config": {}})"))["deployment_config"]["lora_enabled"] == true);
}

TEST_CASE("the defaults of the newer specs are the contract's, and LoRA's are filled in") {
  const auto spec = filled(Backend::automodel, automodel);
  CHECK(spec["training"]["lora"]["rank"] == 16);
  CHECK(spec["training"]["lora"]["alpha"] == 32);
  CHECK(spec["batch"]["global_batch_size"] == 8);
  CHECK(spec["optimizer"]["learning_rate"] == 5e-6);
  CHECK(spec["optimizer"]["lr_decay_style"] == "cosine");
  const auto other = filled(Backend::unsloth, unsloth);
  CHECK(other["training"]["lora"]["alpha"] == 16);
  CHECK(other["model"]["load_in_4bit"] == true);
  CHECK(filled(Backend::unsloth, with(Backend::unsloth, R"({"model": {"load_in_8bit": true}})"))["model"]["load_in_4bit"] == false);
  CHECK(filled(Backend::unsloth, with(Backend::unsloth, R"({"training": {"finetuning_type": "all_weights"}})"))["model"]["load_in_4bit"] == false);
  CHECK(other["schedule"]["seed"] == 3407);
  CHECK(other["optimizer"]["optim"] == "adamw_8bit");
}

TEST_CASE("unknown members are ignored in classic specs and refused in the others, at every level") {
  CHECK(first_problem(Backend::classic, with(Backend::classic, R"({"colour": 1, "training": {"colour": 1, "peft": {"colour": 1}}})")).first.empty());
  const std::pair<const char*, const char*> cases[] = {{R"({"colour": 1})", "colour"},
                                                       {R"({"dataset": {"colour": 1}})", "dataset.colour"},
                                                       {R"({"training": {"colour": 1}})", "training.colour"},
                                                       {R"({"training": {"lora": {"colour": 1}}})", "training.lora.colour"},
                                                       {R"({"schedule": {"colour": 1}})", "schedule.colour"},
                                                       {R"({"batch": {"colour": 1}})", "batch.colour"}};
  for (const auto& [patch, place] : cases)
    for (const auto backend : {Backend::automodel, Backend::unsloth}) {
      INFO(name_of(backend) << " " << patch);
      CHECK(first_problem(backend, with(backend, patch)).first == std::string("extra_forbidden at ") + place);
    }
}

TEST_CASE("what a schema refuses is told at its place") {
  const std::tuple<Backend, const char*, const char*> cases[] = {
      {Backend::classic, R"({"training": {"epochs": 0}})", "greater_than at training.sft.epochs"},
      {Backend::classic, R"({"training": {"peft": {"rank": 0}}})", "greater_than_equal at training.sft.peft.rank"},
      {Backend::classic, R"({"training": {"peft": {"rank": 257}}})", "less_than_equal at training.sft.peft.rank"},
      {Backend::classic, R"({"training": {"type": "magic"}})", "union_tag_invalid at training"},
      {Backend::classic, R"({"training": {"type": null}})", "union_tag_not_found at training"},
      {Backend::classic, R"({"training": {"precision": "fp7"}})", "literal_error at training.sft.precision"},
      {Backend::classic, R"({"training": {"type": "distillation"}})", "missing at training.distillation.teacher_model"},
      {Backend::classic, R"({"output": {"name": "Not A Name!"}})", "string_pattern_mismatch at output.name"},
      {Backend::classic, R"({"output": {"name": "Upper"}})", "value_error at output.name"},
      {Backend::classic, R"({"output_model": "mine"})", "value_error at output_model"},
      {Backend::classic, R"({"deployment_config": {"lora_enabled": false}})", "value_error at "},
      {Backend::automodel, R"({"training": {"training_type": "distillation"}})", "value_error at training"},
      {Backend::automodel, R"({"optimizer": {"adam_beta1": 1.0}})", "less_than at optimizer.adam_beta1"},
      {Backend::automodel, R"({"integrations": {"wandb": {}}})", "value_error at integrations.wandb"},
      {Backend::automodel, R"({"output_model": "mine"})", "value_error at output_model"},
      {Backend::unsloth, R"({"model": {"load_in_4bit": true, "load_in_8bit": true}})", "value_error at model"},
      {Backend::unsloth, R"({"schedule": {"warmup_steps": 5, "warmup_ratio": 0.1}})", "value_error at schedule"},
      {Backend::unsloth, R"({"training": {"finetuning_type": "all_weights", "lora": {}}})", "value_error at "},
      {Backend::unsloth, R"({"deployment_config": {"lora_enabled": false}})", "value_error at "},
  };
  for (const auto& [backend, patch, problem] : cases) {
    INFO(name_of(backend) << " " << patch);
    const auto found = first_problem(backend, with(backend, patch)).first;
    if (std::string(problem).starts_with("literal_error")) CHECK((found == problem || found == "enum at training.sft.precision"));
    else CHECK(found == problem);
  }
}

TEST_CASE("a dataset of another form is refused with the form that is expected and what was received") {
  const std::pair<const char*, const char*> cases[] = {{"hf://a/b", "scheme"}, {"default/rows", "scheme"}, {"", "scheme"}, {"fileset://rows", "workspace and a fileset"},
                                                       {"fileset://default/a/b", "workspace and a fileset"}, {"fileset://default/what a name", "letters"}};
  for (const auto& [reference, words] : cases) {
    Json spec = classic;
    spec["dataset"] = reference;
    const auto message = first_problem(Backend::classic, spec).second;
    INFO(reference);
    CHECK(message.find(words) != std::string::npos);
    CHECK(message.find("fileset://workspace/name") != std::string::npos);
    CHECK(message.find(std::string("'") + reference + "'") != std::string::npos);
  }
}

TEST_CASE("parallelism and batch follow the rules, in the order of each generation") {
  const auto broken = [](Parallelism p, std::int64_t global, std::optional<std::int64_t> experts = {}, RuleOrder order = RuleOrder::experts_first) {
    return broken_parallelism(p, {global, 1, "batch_size"}, experts, order);
  };
  CHECK(broken({.gpus_per_node = 8, .tensor = 4, .pipeline = 2}, 32).empty());
  CHECK(broken({.gpus_per_node = 4, .tensor = 4, .pipeline = 2}, 32) ==
        "Total GPUs (4) must be divisible by tensor_parallel_size (4) * pipeline_parallel_size (2) * context_parallel_size (1) = 8");
  CHECK(broken({.gpus_per_node = 8, .tensor = 2, .expert = 3}, 32) ==
        "(data_parallel_size * context_parallel_size) (4 * 1 = 4) must be divisible by expert_parallel_size (3)");
  for (const std::int64_t expert : {1, 2, 4}) CHECK(broken({.gpus_per_node = 8, .tensor = 2, .expert = expert}, 4).empty());
  CHECK(broken({.gpus_per_node = 8, .expert = 4}, 8, 6) == "the model's 6 experts must be divisible by expert_parallel_size (4)");
  CHECK(broken({.gpus_per_node = 8}, 31).ends_with("Consider adjusting batch_size to 24 or 32."));
  CHECK(broken({.gpus_per_node = 8}, 3).ends_with("Consider adjusting batch_size to 8 or 8."));
  CHECK(broken({.nodes = 2, .gpus_per_node = 4, .expert = 3}, 3).find("expert") != std::string::npos);
  CHECK(broken({.nodes = 2, .gpus_per_node = 4, .expert = 3}, 3, {}, RuleOrder::batch_first).find("batch_size") != std::string::npos);
  CHECK_FALSE(broken({.nodes = 1'000'000'000'000}, 3).empty());
}

TEST_CASE("the guideline table advises and the disk rule tells its numbers") {
  CHECK(gpu_advice(1'000'000'000, true, 1).empty());
  CHECK(gpu_advice(8'000'000'000, false, 1).empty());
  CHECK(gpu_advice(8'000'000'000, true, 1).find("4 GPUs") != std::string::npos);
  CHECK(gpu_advice(70'000'000'000, false, 1).find("2 GPUs") != std::string::npos);
  CHECK(gpu_advice(70'000'000'000, true, 8).empty());
  CHECK(missing_space(100, false, 150).empty());
  CHECK(missing_space(1 << 20, false, 1 << 20) ==
        "training an adapter needs 1.5 times the size of the base model as free disk space: 1.5 MiB for a model of 1.0 MiB, and 1.0 MiB are free");
  CHECK_FALSE(missing_space(100, true, 299).empty());
}

TEST_CASE("names of outputs and deployments are those that clients compute") {
  CHECK(automatic_output_name("qwen3-0.6b", "sft-dataset", "0123456789ab", false) == "qwen3-0.6b-sft-dataset-0123456789ab");
  CHECK(automatic_output_name("qwen3-0.6b", "sft-dataset", "0123456789ab", true) == "qwen3-0-6b-sft-dataset-0123456789ab");
  const auto cut = automatic_output_name(std::string(49, 'a'), "rows", "0123456789ab", false);
  CHECK(cut == std::string(49, 'a') + "-0123456789ab");
  CHECK(output_fileset_name("mine", "0123456789ab") == "mine-0123456789ab");
  CHECK(output_fileset_name(std::string(60, 'a'), "0123456789ab").size() == 63);
  CHECK(deployment_name("default/llama-3-2-1b") == "sft-deploy-llama-3-2-1b");
  CHECK(deployment_name("default/Qwen3 0.6B (x)") == "sft-deploy-qwen3-0.6b-x");
  CHECK(deployment_config_name("m") == "sft-cfg-m");
  CHECK(deployment_name(std::string(80, 'a')).size() == 59);
  CHECK(full_reference("fileset://lab/rows", "default") == "lab/rows");
  CHECK(full_reference("rows", "default") == "default/rows");
}

TEST_CASE("a classic spec becomes the engine's configuration") {
  const auto result = compiled(Backend::classic, R"({"training": {"batch_size": 64, "micro_batch_size": 4, "max_steps": 10, "epochs": 3, "sequence_packing": true,
      "min_learning_rate": 1e-6, "warmup_steps": 2, "val_check_interval": 0.5, "max_seq_length": 512, "parallelism": {"num_gpus_per_node": 2}}})");
  REQUIRE(result);
  CHECK(result->config == Json::parse(R"({"method": "lora", "lora": {"r": 8, "alpha": 32, "dropout": 0.0, "target_modules": "all-linear"}, "batch_size": 4,
      "gradient_accumulation": 16, "learning_rate": 1e-4, "min_learning_rate": 1e-6, "warmup_steps": 2, "schedule": "cosine", "betas": [0.9, 0.999], "eps": 1e-8,
      "weight_decay": 0.01, "max_grad_norm": 1.0, "epochs": 3, "max_steps": 10, "max_seq_length": 512, "packing": true, "shuffle": true, "seed": 1111})"));
  CHECK(result->preparation == Json::parse(R"({"validation_interval": 0.5})"));
  CHECK(result->is_adapter);
  CHECK(result->devices == 2);
  CHECK(result->warnings.size() == 1);
  const auto full = compiled(Backend::classic, R"({"training": {"peft": null}})");
  REQUIRE(full);
  CHECK(full->config["method"] == "full");
  CHECK_FALSE(full->is_adapter);
  CHECK(full->warnings.empty());
}

TEST_CASE("the specs of the back ends become the engine's configuration") {
  const auto automodel = compiled(Backend::automodel, R"({"training": {"lora": {"target_modules": ["*_proj"], "exclude_modules": ["o_proj"]}},
      "dataset": {"prompt_template": "{q} {a}"}, "optimizer": {"lr_decay_style": "linear"}, "schedule": {"seed": 5}})");
  REQUIRE(automodel);
  CHECK(automodel->config["lora"]["target_modules"] == R"((?!(?:(?:.*\.)?o_proj)$)(?:.*_proj))");
  CHECK(automodel->config["schedule"] == "linear");
  CHECK(automodel->config["seed"] == 5);
  CHECK(automodel->preparation["prompt_template"] == "{q} {a}");
  const auto unsloth = compiled(Backend::unsloth, R"({"training": {"lora": {"layers_to_transform": [0, 2], "use_rslora": true, "use_dora": true}},
      "schedule": {"warmup_ratio": 0.1, "eval_steps": 7, "lr_scheduler_type": "constant_with_warmup"}, "optimizer": {"optim": "adamw_torch"}})");
  REQUIRE(unsloth);
  CHECK(unsloth->config["lora"]["target_modules"].get<std::string>().starts_with(R"((?=model\.layers\.(?:0|2)\.)(?:(?:.*\.)?q_proj|)"));
  CHECK(unsloth->config["lora"]["use_rslora"] == true);
  CHECK(unsloth->config["lora"]["use_dora"] == true);
  CHECK(unsloth->config["schedule"] == "constant");
  CHECK(unsloth->preparation == Json::parse(R"({"warmup_ratio": 0.1, "text_field": "text", "apply_chat_template": false, "any_name": true, "splits": false,
                                                "validation_steps": 7})"));
  CHECK(unsloth->warnings.empty());
}

TEST_CASE("bf16 is what products are computed in, and fp16 is warned of") {
  for (const auto& [backend, patch] : {std::pair{Backend::classic, R"({"training": {"precision": "bf16"}})"},
                                       {Backend::automodel, R"({"training": {"precision": "bf16"}})"},
                                       {Backend::unsloth, R"({"model": {"dtype": "bfloat16"}})"}}) {
    INFO(name_of(backend));
    const auto result = compiled(backend, patch);
    REQUIRE(result);
    CHECK(result->config["dtype"] == "bf16");
    for (const auto& warning : result->warnings) CHECK(warning.find("trains in fp32") == std::string::npos);
  }
  const auto half = compiled(Backend::classic, R"({"training": {"precision": "fp16"}})");
  REQUIRE(half);
  CHECK_FALSE(half->config.contains("dtype"));
  REQUIRE(half->warnings.size() == 1);
  CHECK(half->warnings[0].find("trains in fp32") != std::string::npos);
}

TEST_CASE("a distillation has its temperature and mixing in the configuration, and its teacher beside it") {
  for (const auto& [backend, patch] : {std::pair{Backend::classic, R"({"training": {"type": "distillation", "teacher_model": "big",
                                          "distillation_ratio": 0.25, "distillation_temperature": 3}})"},
                                       {Backend::automodel, R"({"training": {"training_type": "distillation", "teacher_model": "big",
                                          "distillation_ratio": 0.25, "distillation_temperature": 3}})"}}) {
    INFO(name_of(backend));
    const auto result = compiled(backend, patch);
    REQUIRE(result);
    CHECK(result->config["distillation"] == Json::parse(R"({"temperature": 3, "mixing": 0.25})"));
    REQUIRE(result->warnings.size() == 1);
    CHECK(result->warnings[0].find("teacher_precision is bf16") != std::string::npos);
    CHECK(references_of(backend, filled(backend, with(backend, patch))).teacher == "big");
  }
}

TEST_CASE("what the engine does not have is refused by its member, with what works") {
  const std::tuple<Backend, const char*, const char*> cases[] = {
      {Backend::classic, R"({"training": {"type": "dpo"}})", "not yet supported with DPO"},
      {Backend::classic, R"({"training": {"type": "dpo", "peft": null, "ref_policy_kl_penalty": 0}})", "training.ref_policy_kl_penalty"},
      {Backend::classic, R"({"training": {"type": "dpo", "peft": null, "preference_average_log_probs": true}})", "training.preference_average_log_probs"},
      {Backend::classic, R"({"training": {"type": "dpo", "peft": null, "sft_average_log_probs": true}})", "training.sft_average_log_probs"},
      {Backend::classic, R"({"training": {"type": "dpo", "peft": null, "preference_loss_weight": 0.5}})", "training.preference_loss_weight"},
      {Backend::classic, R"({"training": {"type": "dpo", "peft": null, "sft_loss_weight": 0.1}})", "training.sft_loss_weight"},
      {Backend::classic, R"({"training": {"type": "dpo", "peft": null, "sequence_packing": true}})", "training.sequence_packing"},
      {Backend::classic, R"({"training": {"peft": {"use_dora": true}}})", "use unsloth's training.lora.use_dora"},
      {Backend::classic, R"({"training": {"peft": {"quantization": {"precision": "4bit"}}}})", "not yet supported"},
      {Backend::classic, R"({"training": {"precision": "fp8"}})", "fp8 is not yet supported"},
      {Backend::classic, R"({"training": {"optimizer": "lion"}})", "lion is not yet supported"},
      {Backend::classic, R"({"training": {"max_seq_length": 1}})", "from 2"},
      {Backend::classic, R"({"training": {"learning_rate": -1}})", "training.learning_rate"},
      {Backend::classic, R"({"training": {"val_check_interval": -1}})", "training.val_check_interval"},
      {Backend::classic, R"({"training": {"peft": {"target_modules": []}}})", "training.peft.target_modules"},
      {Backend::automodel, R"({"dataset": {"prompt_template": "{one}"}})", "two {placeholders}"},
      {Backend::automodel, R"({"batch": {"global_batch_size": 3, "micro_batch_size": 2}})", "global_batch_size (3)"},
      {Backend::unsloth, R"({"model": {"trust_remote_code": true}})", "trust_remote_code"},
      {Backend::unsloth, R"({"optimizer": {"optim": "sgd"}})", "sgd"},
      {Backend::unsloth, R"({"training": {"lora": {"bias": "all"}}})", "biases"},
      {Backend::unsloth, R"({"training": {"lora": {"init_lora_weights": "pissa"}}})", "init_lora_weights"},
      {Backend::unsloth, R"({"schedule": {"lr_scheduler_type": "cosine_with_restarts"}})", "cosine_with_restarts"},
      {Backend::unsloth, R"({"output": {"save_method": "merged_4bit"}})", "merged_4bit"},
      {Backend::unsloth, R"({"hardware": {"gpus": "0,1"}})", "one GPU"},
  };
  for (const auto& [backend, patch, words] : cases) {
    INFO(name_of(backend) << " " << patch);
    CHECK(refusal(backend, patch).find(words) != std::string::npos);
  }
}

TEST_CASE("the frozen base is kept in as many bits as the job says") {
  const std::tuple<Backend, const char*, const char*> cases[] = {
      {Backend::unsloth, "{}", "nf4"},
      {Backend::unsloth, R"({"model": {"load_in_4bit": true}, "output": {"save_method": "merged_16bit"}})", "nf4"},
      {Backend::unsloth, R"({"model": {"load_in_8bit": true}})", "int8"}};
  for (const auto& [backend, patch, storage] : cases) {
    INFO(name_of(backend) << " " << patch);
    const auto result = compiled(backend, patch);
    REQUIRE(result);
    CHECK(result->config["base_storage"] == storage);
  }
  for (const auto& [backend, patch] : {std::pair(Backend::classic, "{}"), std::pair(Backend::classic, R"({"training": {"peft": null}})"),
                                       std::pair(Backend::automodel, "{}"), std::pair(Backend::unsloth, R"({"model": {"load_in_4bit": false}})"),
                                       std::pair(Backend::unsloth, R"({"training": {"finetuning_type": "all_weights"}})")}) {
    INFO(name_of(backend) << " " << patch);
    CHECK_FALSE(compiled(backend, patch)->config.contains("base_storage"));
  }
}

TEST_CASE("a DPO job has the contract's optimiser, all weights and a model as its output") {
  const auto result = compiled(Backend::classic, R"({"training": {"type": "dpo", "peft": null, "max_grad_norm": 0.5, "min_learning_rate": 1e-6}})");
  REQUIRE(result);
  CHECK(result->config["method"] == "full");
  CHECK(result->config["dpo"] == Json::parse(R"({"beta": 0.05})"));
  CHECK(result->config["max_grad_norm"] == 0.5);
  CHECK(result->config["eps"] == 1e-5);
  CHECK(result->config["schedule"] == "cosine");
  CHECK(result->config["min_learning_rate"] == 1e-6);
  CHECK(result->preparation["warmup_least"] == 1);
  CHECK_FALSE(result->is_adapter);
  CHECK(compiled(Backend::classic, R"({"training": {"type": "dpo", "peft": null, "ref_policy_kl_penalty": 0.2}})")->config["dpo"]["beta"] == 0.2);
  CHECK(compiled(Backend::classic)->config.contains("dpo") == false);
  CHECK(compiled(Backend::classic)->config["eps"] == 1e-8);
}

TEST_CASE("an embedding model is trained with the contract's constants, and becomes a model") {
  const auto constants = Json::parse(R"({"temperature": 0.02, "in_batch_negatives": false, "negatives": 4, "query_prefix": "query: ",
                                         "passage_prefix": "passage: "})");
  const std::tuple<Backend, const char*, const char*> cases[] = {{Backend::classic, R"({"training": {"peft": null}})", "full"},
                                                                 {Backend::classic, R"({"training": {"peft": {"merge": true}}})", "lora"},
                                                                 {Backend::automodel, "{}", "lora"},
                                                                 {Backend::automodel, R"({"training": {"finetuning_type": "all_weights"}})", "full"}};
  for (const auto& [backend, patch, method] : cases) {
    INFO(name_of(backend) << " " << patch);
    const auto result = compiled(backend, patch, embedder);
    REQUIRE(result);
    CHECK(result->config["contrastive"] == constants);
    CHECK(result->config["max_seq_length"] == 512);
    CHECK(result->config["method"] == method);
    CHECK(result->config.contains("merge") == (std::string(method) == "lora"));
    CHECK_FALSE(result->is_adapter);
  }
  CHECK(compiled(Backend::classic, R"({"training": {"peft": null, "max_seq_length": 64}})", embedder)->config["max_seq_length"] == 64);
  CHECK(compiled(Backend::automodel, "{}", embedder)->warnings.size() == 1);
  CHECK_FALSE(compiled(Backend::automodel)->config.contains("contrastive"));
}

TEST_CASE("what an embedding model cannot be trained with is refused") {
  const std::tuple<Backend, const char*, const char*> cases[] = {
      {Backend::classic, "{}", "training.peft.merge"},
      {Backend::classic, R"({"training": {"type": "dpo", "peft": null}})", "default/embedder is an embedding model"},
      {Backend::classic, R"({"training": {"peft": null, "sequence_packing": true}})", "training.sequence_packing"},
      {Backend::automodel, R"({"batch": {"sequence_packing": true}})", "batch.sequence_packing"},
      {Backend::automodel, R"({"dataset": {"prompt_template": "{a} {b}"}})", "dataset.prompt_template"},
      {Backend::unsloth, "{}", "default/embedder is an embedding model"},
  };
  for (const auto& [backend, patch, words] : cases) {
    INFO(name_of(backend) << " " << patch);
    CHECK(refusal(backend, patch, embedder).find(words) != std::string::npos);
  }
}

TEST_CASE("a merged adapter is trained as LoRA and becomes a model") {
  const std::pair<Backend, const char*> cases[] = {{Backend::classic, R"({"training": {"peft": {"merge": true}}})"},
                                                   {Backend::automodel, R"({"training": {"finetuning_type": "lora_merged"}})"},
                                                   {Backend::automodel, R"({"training": {"lora": {"merge": true}}})"},
                                                   {Backend::unsloth, R"({"output": {"save_method": "merged_16bit"}})"}};
  for (const auto& [backend, patch] : cases) {
    INFO(name_of(backend) << " " << patch);
    const auto result = compiled(backend, patch);
    REQUIRE(result);
    CHECK(result->config["method"] == "lora");
    CHECK(result->config["merge"] == true);
    CHECK_FALSE(result->is_adapter);
  }
}

TEST_CASE("the output is an adapter or a model, and has its final names at once") {
  const auto output = [](Backend backend, const char* patch) {
    auto spec = filled(backend, with(backend, patch));
    const auto result = compile(backend, spec, {"default/smol", 0, {}, false});
    REQUIRE(result);
    set_output(backend, *result, "0123456789ab", spec);
    return spec["output"];
  };
  CHECK(output(Backend::classic, "{}") == Json::parse(R"({"name": "smol-rows-0123456789ab", "type": "adapter", "fileset": "smol-rows-0123456789ab"})"));
  CHECK(output(Backend::classic, R"({"output": {"name": "mine"}})") == Json::parse(R"({"name": "mine", "type": "adapter", "fileset": "mine-0123456789ab"})"));
  CHECK(output(Backend::classic, R"({"training": {"peft": null}})")["type"] == "model");
  CHECK(output(Backend::automodel, R"({"output": {"name": "mine", "description": "ours"}})") ==
        Json::parse(R"({"name": "mine", "type": "adapter", "fileset": "mine", "description": "ours"})"));
  CHECK(output(Backend::unsloth, "{}")["save_method"] == "lora");
}

TEST_CASE("an inline deployment has the names that the tutorial computes, and serves the base of an adapter") {
  auto spec = filled(Backend::classic, with(Backend::classic, R"({"deployment_config": {"gpu": 2, "additional_envs": {"A": "b"}}})"));
  spec["output"] = {{"name", "tuned"}};
  const auto adapter = inline_deployment({spec, true, "default", "default/smol", "2026-11-01T00:00:00Z"}, spec["deployment_config"]);
  CHECK(adapter.name == "sft-deploy-smol");
  CHECK(adapter.config == "sft-cfg-smol");
  const auto version = latest_version(Json::parse(adapter.config_data.text));
  CHECK(version["engine"] == "nim");
  CHECK(version["model_spec"] == Json::parse(R"({"model_namespace": "default", "model_name": "smol", "lora_enabled": true})"));
  CHECK(version["executor_config"]["gpu"] == 2);
  const auto model = inline_deployment({spec, false, "default", "default/smol", ""}, spec["deployment_config"]);
  CHECK(model.name == "sft-deploy-tuned");
}

TEST_CASE("a named deployment config must be there and able to serve the result") {
  Json spec{{"output", {{"name", "tuned"}}}};
  const DeploymentQuestion adapter{spec, true, "default", "default/smol", ""}, model{spec, false, "default", "default/smol", ""};
  const auto version = [](const char* name, bool lora) {
    return Json{{"model_spec", {{"model_namespace", "default"}, {"model_name", name}, {"lora_enabled", lora}}}};
  };
  CHECK(named_deployment(adapter, "nobody", nullptr, false).error().message.find("does not exist") != std::string::npos);
  CHECK_FALSE(named_deployment(adapter, "plain", version("smol", false), false));
  REQUIRE(named_deployment(adapter, "lora", version("smol", true), false));
  CHECK(named_deployment(adapter, "default/lora", version("smol", true), false)->config == "lora");
  CHECK_FALSE(named_deployment(model, "lora", version("tuned", true), false));
  CHECK_FALSE(named_deployment(model, "lora", version("smol", true), true));
  CHECK(named_deployment(model, "lora", version("tuned", true), true));
}
