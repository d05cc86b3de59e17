// What the three compilations share.
#pragma once

#include "actors/api/customization_compile.hpp"
#include "actors/api/customization_rules.hpp"

namespace luthier::api {

Result<Compiled> compile_classic(const rest::Json& spec, const ModelFacts& model);
Result<Compiled> compile_automodel(const rest::Json& spec, const ModelFacts& model);
Result<Compiled> compile_unsloth(const rest::Json& spec, const ModelFacts& model);

constexpr std::int64_t seed_default = 1111;

// "<member>: <feature> is not yet supported; <what works>"
Error not_supported(const std::string& member, const std::string& feature, const std::string& what_works);
Error out_of_range(const std::string& member, const std::string& rule, const rest::Json& given);
// The sentence about a model that generates no text, and what needs one; nothing: it does.
std::optional<Error> no_text(const ModelFacts& model, const std::string& needed_by);

// Which layers get LoRA weights, as the engine is told: names match by suffix, patterns (with * or ?) the whole name. `targets` null:
// every linear layer whose name ends in "proj". `layers` empty: all.
Result<rest::Json> lora_targets(const rest::Json& targets, const rest::Json& excluded, const std::vector<std::int64_t>& layers,
                                const std::string& member);

// The frozen base of a LoRA job in 4 or 8 bits: NF4, or int8.
void keep_base_in(int bits, rest::Json& config);

// The numbers that every generation has, checked as the engine will.
struct Optimisation {
  double learning_rate = 0, min_learning_rate = 0, weight_decay = 0, beta1 = 0, beta2 = 0, epsilon = 1e-8, max_grad_norm = 1.0;
  std::int64_t warmup_steps = 0;
  std::string schedule = "cosine";
  std::string place;  // of these members, for the refusal: "training", "optimizer"
};
Result<void> add_optimisation(const Optimisation& optimisation, rest::Json& config);

// Batches of the one device that trains: the same rows in a step, and the same mean over them, as on several.
void add_batches(const Batches& batches, rest::Json& config);

// What trains an embedding model, with the contract's constants. After the length of the texts; `packing` names the spec's member.
Result<void> use_contrastive(const std::string& packing, Compiled& compiled);

// What a distillation adds: the teacher itself is the job's.
void use_distillation(const rest::Json& training, Compiled& compiled);

std::optional<Error> problem_of_length(std::int64_t max_seq_length, const std::string& member);
std::optional<Error> problem_of_seed(const rest::Json& seed, const std::string& member);
// What products are computed in: bf16 as the spec says it; fp16 trains in fp32, with a warning.
void use_precision(const rest::Json& precision, const std::string& member, Compiled& compiled);
void warn_of_devices(const Parallelism& parallelism, Compiled& compiled);
void warn_of_integrations(const rest::Json& integrations, Compiled& compiled);

}  // namespace luthier::api
