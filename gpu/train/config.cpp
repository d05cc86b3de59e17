#include "gpu/train/config.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace luthier::train {
namespace {

using checkpoint::BaseStorage;

using nlohmann::ordered_json;
using json = ordered_json;  // in the text's order, which counts in rank_pattern

constexpr std::int64_t count_max = 1'000'000'000;  // products of three of them would overflow; no caller makes one
constexpr std::int64_t rank_max = 4096;
constexpr std::int64_t negatives_max = 1000;
constexpr std::int64_t text_length_default = 512;  // of an embedding model's texts
constexpr std::size_t config_bytes_max = 1 << 20;
constexpr std::size_t pattern_entries_max = 10'000;

// Takes members out of one object and keeps the first thing that is wrong.
class Reader {
 public:
  Reader(const json& object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {}

  void integer(const char* name, std::int64_t least, std::int64_t most, auto& out) {
    const json* value = take(name);
    if (!value) return;
    const bool fits = value->is_number_integer() &&
                      (value->is_number_unsigned() ? value->get<std::uint64_t>() <= static_cast<std::uint64_t>(most)
                                                   : value->get<std::int64_t>() <= most && value->get<std::int64_t>() >= least) &&
                      (!value->is_number_unsigned() || least <= 0 || value->get<std::uint64_t>() >= static_cast<std::uint64_t>(least));
    if (!fits) return refuse(name, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    out = value->get<std::int64_t>();
  }

  // least <= value < below
  void number(const char* name, double least, double below, double& out) {
    const json* value = take(name);
    if (!value) return;
    if (!value->is_number() || !(value->get<double>() >= least && value->get<double>() < below))
      return refuse(name, below == infinity ? "must be a number of at least " + brief(least)
                                            : "must be a number from " + brief(least) + " to less than " + brief(below));
    out = value->get<double>();
  }

  void positive(const char* name, double& out) {
    const json* value = take(name);
    if (!value) return;
    if (!value->is_number() || !(value->get<double>() > 0) || !std::isfinite(value->get<double>()))
      return refuse(name, "must be a number greater than 0");
    out = value->get<double>();
  }

  void boolean(const char* name, bool& out) {
    const json* value = take(name);
    if (!value) return;
    if (!value->is_boolean()) return refuse(name, "must be true or false");
    out = value->get<bool>();
  }

  template <class T>
  void choice(const char* name, const std::vector<std::pair<std::string, T>>& choices, T& out) {
    const json* value = take(name);
    if (!value) return;
    std::string known;
    for (const auto& [text, meaning] : choices) {
      if (value->is_string() && value->get_ref<const std::string&>() == text) {
        out = meaning;
        return;
      }
      known += (known.empty() ? "\"" : ", \"") + text + "\"";
    }
    refuse(name, "must be " + std::string(choices.size() > 1 ? "one of " : "") + known);
  }

  // A missing member and null are the same.
  const json* take(const char* name) {
    taken_.insert(name);
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  void refuse(const std::string& name, const std::string& why) {
    if (!error_) error_ = invalid(prefix_ + name + " " + why, prefix_ + name);
  }

  std::optional<Error> finish() {
    for (const auto& [name, value] : object_.items())
      if (!taken_.contains(name)) refuse(name, "is no member of a training configuration");
    return error_;
  }

  static constexpr double infinity = std::numeric_limits<double>::infinity();

 private:
  static std::string brief(double value) { return json(value).dump(); }

  const json& object_;
  std::string prefix_;
  std::set<std::string> taken_;
  std::optional<Error> error_;
};

void read_targets(Reader& reader, checkpoint::LoraConfig& lora) {
  const json* targets = reader.take("target_modules");
  if (!targets) return;
  if (targets->is_string() && !targets->get_ref<const std::string&>().empty()) {
    lora.target_pattern = targets->get<std::string>();
    return;
  }
  bool names = targets->is_array() && !targets->empty();
  for (std::size_t i = 0; names && i < targets->size(); ++i) names = (*targets)[i].is_string() && !(*targets)[i].get_ref<const std::string&>().empty();
  if (!names) return reader.refuse("target_modules", "must be a list of names, a regular expression, or \"all-linear\"");
  lora.target_pattern.clear();
  lora.target_modules = targets->get<std::vector<std::string>>();
}

// {"q_proj": 16}: exceptions by a name's end, or by a regular expression for one, in the order in which they count.
template <class T>
void read_pattern(Reader& reader, const char* name, const std::string& what, bool (*fits)(const json&), std::vector<std::pair<std::string, T>>& out) {
  const json* pattern = reader.take(name);
  if (!pattern) return;
  bool good = pattern->is_object() && pattern->size() <= pattern_entries_max;
  for (const auto& [key, value] : pattern->items()) good = good && !key.empty() && fits(value);
  if (!good) return reader.refuse(name, "must be an object of names (\"q_proj\") and " + what);
  for (const auto& [key, value] : pattern->items()) out.emplace_back(key, value.template get<T>());
}

bool is_rank(const json& value) {
  return value.is_number_unsigned() && value.get<std::uint64_t>() >= 1 && value.get<std::uint64_t>() <= static_cast<std::uint64_t>(rank_max);
}

bool is_positive(const json& value) { return value.is_number() && value.get<double>() > 0 && std::isfinite(value.get<double>()); }

std::optional<Error> read_lora(const json& object, TrainingConfig& config) {
  if (!object.is_object()) return invalid("lora must be an object", "lora");
  checkpoint::LoraConfig& lora = config.lora;
  Reader reader(object, "lora.");
  reader.integer("r", 1, rank_max, lora.r);
  reader.positive("alpha", lora.alpha);
  reader.number("dropout", 0, 1, lora.dropout);
  reader.boolean("use_rslora", lora.use_rslora);
  reader.boolean("use_dora", lora.use_dora);
  read_targets(reader, lora);
  read_pattern(reader, "rank_pattern", "ranks from 1 to " + std::to_string(rank_max), is_rank, lora.rank_pattern);
  read_pattern(reader, "alpha_pattern", "numbers greater than 0", is_positive, lora.alpha_pattern);
  reader.positive("loraplus_lr_ratio", config.loraplus_lr_ratio);
  return reader.finish();
}

std::optional<Error> read_early_stopping(const json& object, EarlyStopping& stopping) {
  if (!object.is_object()) return invalid("early_stopping must be an object", "early_stopping");
  Reader reader(object, "early_stopping.");
  reader.integer("patience", 1, count_max, stopping.patience);
  reader.number("min_delta", 0, Reader::infinity, stopping.min_delta);
  return reader.finish();
}

std::optional<Error> read_dpo(const json& object, Dpo& dpo) {
  if (!object.is_object()) return invalid("dpo must be an object", "dpo");
  Reader reader(object, "dpo.");
  reader.positive("beta", dpo.beta);
  return reader.finish();
}

std::optional<Error> read_distillation(const json& object, Distillation& distillation) {
  if (!object.is_object()) return invalid("distillation must be an object", "distillation");
  Reader reader(object, "distillation.");
  reader.positive("temperature", distillation.temperature);
  reader.number("mixing", 0, std::nextafter(1.0, 2.0), distillation.mixing);
  return reader.finish();
}

void read_prefix(Reader& reader, const char* name, std::optional<std::string>& out) {
  const json* text = reader.take(name);
  if (!text) return;
  if (!text->is_string()) return reader.refuse(name, "must be text, such as \"query: \"");
  out = text->get<std::string>();
}

std::optional<Error> read_contrastive(const json& object, Contrastive& contrastive) {
  if (!object.is_object()) return invalid("contrastive must be an object", "contrastive");
  Reader reader(object, "contrastive.");
  reader.positive("temperature", contrastive.temperature);
  reader.boolean("in_batch_negatives", contrastive.in_batch_negatives);
  reader.integer("negatives", 0, negatives_max, contrastive.negatives);
  reader.integer("max_query_length", 0, count_max, contrastive.max_query_length);
  reader.integer("micro_batch", 0, count_max, contrastive.micro_batch);
  read_prefix(reader, "query_prefix", contrastive.query_prefix);
  read_prefix(reader, "passage_prefix", contrastive.passage_prefix);
  if (!contrastive.in_batch_negatives && contrastive.negatives == 0) reader.refuse("negatives", "0 and in_batch_negatives false leave nothing to compare with");
  return reader.finish();
}

// A member that is an object of its own, and whose presence turns something on.
template <class T>
std::optional<Error> read_part(Reader& reader, const char* name, std::optional<Error> (*read)(const json&, T&), std::optional<T>& out) {
  const json* object = reader.take(name);
  if (!object) return {};
  out.emplace();
  return read(*object, *out);
}

std::optional<Error> read_parts(Reader& reader, TrainingConfig& config) {
  if (const json* lora = reader.take("lora"))
    if (auto error = read_lora(*lora, config)) return error;
  if (auto error = read_part(reader, "early_stopping", read_early_stopping, config.early_stopping)) return error;
  if (auto error = read_part(reader, "dpo", read_dpo, config.dpo)) return error;
  if (auto error = read_part(reader, "distillation", read_distillation, config.distillation)) return error;
  auto error = read_part(reader, "contrastive", read_contrastive, config.contrastive);
  if (config.contrastive) config.max_seq_length = text_length_default;
  return error;
}

// Nothing may have to be known of all gradients before the first layer is updated.
void check_layerwise(Reader& reader, const TrainingConfig& config) {
  if (!config.layerwise_updates) return;
  if (config.method != TrainingConfig::Method::full) return reader.refuse("layerwise_updates", "is for method \"full\": an adapter's gradients are small");
  if (config.max_grad_norm > 0) return reader.refuse("layerwise_updates", "needs max_grad_norm 0: clipping has to know the gradients of all layers first");
  if (config.gradient_accumulation > 1) return reader.refuse("layerwise_updates", "needs gradient_accumulation 1: a sum over micro-batches has to keep the gradients of all layers");
  if (config.contrastive && config.contrastive->micro_batch > 0) reader.refuse("layerwise_updates", "and contrastive.micro_batch exclude each other: it has several backward passes a step");
}

// What each member allows, the others may forbid.
void check_together(Reader& reader, const TrainingConfig& config) {
  if (config.merge && config.method != TrainingConfig::Method::lora) reader.refuse("merge", "needs method \"lora\"");
  if (config.base_storage != BaseStorage::f32 && config.method != TrainingConfig::Method::lora)
    reader.refuse("base_storage", "other than \"f32\" needs method \"lora\": weights that are trained are kept whole");
  if (config.bucketing && config.packing) reader.refuse("bucketing", "and packing exclude each other: packs are alike already");
  if (config.spike_factor > 0 && config.spike_factor <= 1) reader.refuse("spike_factor", "must be greater than 1, or 0 for none");
  check_layerwise(reader, config);
  if (config.dpo && config.distillation) reader.refuse("distillation", "and dpo exclude each other");
  if (config.contrastive && (config.dpo || config.distillation)) reader.refuse("contrastive", "and dpo or distillation exclude each other");
  if (config.contrastive && config.packing) reader.refuse("packing", "is not for contrastive: its texts are never padded, and batch_size says which are compared");
}

void read_template(Reader& reader, std::string& out) {
  const json* text = reader.take("prompt_template");
  if (!text) return;
  if (!text->is_string()) return reader.refuse("prompt_template", "must be text, such as \"{question} {answer}\"");
  out = text->get<std::string>();
}

void read_betas(Reader& reader, TrainingConfig& config) {
  const json* betas = reader.take("betas");
  if (!betas) return;
  const auto fits = [](const json& value) { return value.is_number() && value.get<double>() >= 0 && value.get<double>() < 1; };
  if (!betas->is_array() || betas->size() != 2 || !fits((*betas)[0]) || !fits((*betas)[1]))
    return reader.refuse("betas", "must be two numbers from 0 to less than 1");
  config.beta1 = (*betas)[0].get<double>();
  config.beta2 = (*betas)[1].get<double>();
}

void read_length(Reader& reader, TrainingConfig& config) {
  std::int64_t value = 0;
  reader.integer("max_steps", 1, count_max, value);
  if (value > 0) config.max_steps = std::exchange(value, 0);
  reader.integer("epochs", 1, count_max, value);
  if (value > 0) config.epochs = value;
  if (!config.max_steps && !config.epochs) config.epochs = 1;
}

Result<TrainingConfig> read_config(const json& object) {
  TrainingConfig config;
  Reader reader(object, "");
  if (auto error = read_parts(reader, config)) return *error;
  reader.choice<TrainingConfig::Method>(
      "method", {{"lora", TrainingConfig::Method::lora}, {"full", TrainingConfig::Method::full}}, config.method);
  reader.choice<TrainingConfig::Schedule>("schedule",
                                          {{"cosine", TrainingConfig::Schedule::cosine},
                                           {"linear", TrainingConfig::Schedule::linear},
                                           {"constant", TrainingConfig::Schedule::constant}},
                                          config.schedule);
  reader.choice<TrainingConfig::States>(
      "optimizer_states", {{"f32", TrainingConfig::States::f32}, {"bf16", TrainingConfig::States::bf16}}, config.optimizer_states);
  reader.choice<BaseStorage>("base_storage", {{"f32", BaseStorage::f32}, {"bf16", BaseStorage::bf16}, {"int8", BaseStorage::int8},
                                              {"nf4", BaseStorage::nf4}, {"as_stored", BaseStorage::as_stored}}, config.base_storage);
  reader.choice<TrainingConfig::Dtype>("dtype", {{"f32", TrainingConfig::Dtype::f32}, {"bf16", TrainingConfig::Dtype::bf16}}, config.dtype);
  read_length(reader, config);
  reader.integer("batch_size", 1, count_max, config.batch_size);
  reader.integer("gradient_accumulation", 1, count_max, config.gradient_accumulation);
  reader.number("learning_rate", 0, Reader::infinity, config.learning_rate);
  reader.number("min_learning_rate", 0, Reader::infinity, config.min_learning_rate);
  reader.integer("warmup_steps", 0, count_max, config.warmup_steps);
  read_betas(reader, config);
  reader.positive("eps", config.eps);
  reader.number("weight_decay", 0, Reader::infinity, config.weight_decay);
  reader.number("max_grad_norm", 0, Reader::infinity, config.max_grad_norm);
  reader.integer("max_seq_length", 2, count_max, config.max_seq_length);
  reader.boolean("packing", config.packing);
  reader.boolean("shuffle", config.shuffle);
  reader.boolean("bucketing", config.bucketing);
  reader.boolean("recompute_activations", config.recompute_activations);
  reader.boolean("layerwise_updates", config.layerwise_updates);
  reader.integer("seed", 0, std::numeric_limits<std::int64_t>::max(), config.seed);
  reader.boolean("append_end_token", config.append_end_token);
  read_template(reader, config.prompt_template);
  reader.integer("validation_every", 0, count_max, config.validation_every);
  reader.boolean("keep_best", config.keep_best);
  reader.number("spike_factor", 0, Reader::infinity, config.spike_factor);
  reader.boolean("merge", config.merge);
  check_together(reader, config);
  if (auto error = reader.finish()) return *error;
  return config;
}

const char* name_of(TrainingConfig::Schedule schedule) {
  switch (schedule) {
    case TrainingConfig::Schedule::cosine: return "cosine";
    case TrainingConfig::Schedule::linear: return "linear";
    case TrainingConfig::Schedule::constant: return "constant";
  }
  return "";
}

ordered_json lora_json(const TrainingConfig& config) {
  const checkpoint::LoraConfig& lora = config.lora;
  ordered_json out{{"r", lora.r}, {"alpha", lora.alpha}, {"dropout", lora.dropout}};
  if (lora.target_pattern.empty())
    out["target_modules"] = lora.target_modules;
  else
    out["target_modules"] = lora.target_pattern;
  out["use_rslora"] = lora.use_rslora;
  for (const auto& [key, r] : lora.rank_pattern) out["rank_pattern"][key] = r;
  for (const auto& [key, alpha] : lora.alpha_pattern) out["alpha_pattern"][key] = alpha;
  if (lora.use_dora) out["use_dora"] = true;
  if (config.loraplus_lr_ratio != 1) out["loraplus_lr_ratio"] = config.loraplus_lr_ratio;
  return out;
}

ordered_json contrastive_json(const Contrastive& contrastive) {
  ordered_json out{{"temperature", contrastive.temperature},
                   {"in_batch_negatives", contrastive.in_batch_negatives},
                   {"negatives", contrastive.negatives},
                   {"max_query_length", contrastive.max_query_length}};
  if (contrastive.micro_batch > 0) out["micro_batch"] = contrastive.micro_batch;
  if (contrastive.query_prefix) out["query_prefix"] = *contrastive.query_prefix;
  if (contrastive.passage_prefix) out["passage_prefix"] = *contrastive.passage_prefix;
  return out;
}

// Which checkpoints of earlier versions do not have: written only where they say something.
void add_younger_members(const TrainingConfig& c, ordered_json& out) {
  if (c.optimizer_states == TrainingConfig::States::bf16) out["optimizer_states"] = "bf16";
  if (c.base_storage != BaseStorage::f32) out["base_storage"] = checkpoint::to_string(c.base_storage);
  if (c.bucketing) out["bucketing"] = true;
  if (c.recompute_activations) out["recompute_activations"] = true;
  if (c.layerwise_updates) out["layerwise_updates"] = true;
  if (!c.prompt_template.empty()) out["prompt_template"] = c.prompt_template;
  if (c.validation_every > 0) out["validation_every"] = c.validation_every;
  if (c.early_stopping) out["early_stopping"] = {{"patience", c.early_stopping->patience}, {"min_delta", c.early_stopping->min_delta}};
  if (c.keep_best) out["keep_best"] = true;
  if (c.spike_factor > 0) out["spike_factor"] = c.spike_factor;
  if (c.dpo) out["dpo"] = {{"beta", c.dpo->beta}};
  if (c.distillation) out["distillation"] = {{"temperature", c.distillation->temperature}, {"mixing", c.distillation->mixing}};
  if (c.contrastive) out["contrastive"] = contrastive_json(*c.contrastive);
  if (c.merge) out["merge"] = true;
}

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

}  // namespace

checkpoint::BaseStorage TrainingConfig::storage() const {
  if (method == Method::full) return BaseStorage::f32;
  return dtype == Dtype::bf16 && base_storage == BaseStorage::f32 ? BaseStorage::bf16 : base_storage;
}

Result<TrainingConfig> parse_training_config(std::string_view text) {
  if (text.size() > config_bytes_max) return Error{ErrorCode::limit, "the configuration is longer than 1 MiB", {}};
  json object;
  try {
    object = json::parse(text);
  } catch (const json::exception& e) {
    const std::string what = e.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: …"
    return invalid("the configuration is no JSON: " + what.substr(what.find("] ") == std::string::npos ? 0 : what.find("] ") + 2));
  }
  if (!object.is_object()) return invalid("the configuration must be a JSON object");
  return read_config(object);
}

std::string canonical_json(const TrainingConfig& c) {
  const bool lora = c.method == TrainingConfig::Method::lora;
  ordered_json out{{"method", lora ? "lora" : "full"}};
  if (lora) out["lora"] = lora_json(c);
  out.update(ordered_json{{"max_steps", or_null(c.max_steps)},
                          {"epochs", or_null(c.epochs)},
                          {"batch_size", c.batch_size},
                          {"gradient_accumulation", c.gradient_accumulation},
                          {"learning_rate", c.learning_rate},
                          {"min_learning_rate", c.min_learning_rate},
                          {"warmup_steps", c.warmup_steps},
                          {"schedule", name_of(c.schedule)},
                          {"betas", {c.beta1, c.beta2}},
                          {"eps", c.eps},
                          {"weight_decay", c.weight_decay},
                          {"max_grad_norm", c.max_grad_norm},
                          {"max_seq_length", c.max_seq_length},
                          {"packing", c.packing},
                          {"shuffle", c.shuffle},
                          {"seed", c.seed},
                          {"dtype", c.dtype == TrainingConfig::Dtype::f32 ? "f32" : "bf16"},
                          {"append_end_token", c.append_end_token}});
  add_younger_members(c, out);
  return out.dump();
}

}  // namespace luthier::train
