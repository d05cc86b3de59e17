#include "gpu/train/config.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace luthier::train {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::int64_t count_max = 1'000'000'000;  // products of three of them would overflow; no caller makes one
constexpr std::int64_t rank_max = 4096;
constexpr std::size_t config_bytes_max = 1 << 20;

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

std::optional<Error> read_lora(const json& object, checkpoint::LoraConfig& lora) {
  if (!object.is_object()) return invalid("lora must be an object", "lora");
  Reader reader(object, "lora.");
  reader.integer("r", 1, rank_max, lora.r);
  reader.positive("alpha", lora.alpha);
  reader.number("dropout", 0, 1, lora.dropout);
  reader.boolean("use_rslora", lora.use_rslora);
  read_targets(reader, lora);
  return reader.finish();
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
  if (const json* lora = reader.take("lora"))
    if (auto error = read_lora(*lora, config.lora)) return *error;
  reader.choice<TrainingConfig::Method>(
      "method", {{"lora", TrainingConfig::Method::lora}, {"full", TrainingConfig::Method::full}}, config.method);
  reader.choice<TrainingConfig::Schedule>("schedule",
                                          {{"cosine", TrainingConfig::Schedule::cosine},
                                           {"linear", TrainingConfig::Schedule::linear},
                                           {"constant", TrainingConfig::Schedule::constant}},
                                          config.schedule);
  int dtype = 0;
  reader.choice<int>("dtype", {{"f32", 0}}, dtype);
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
  reader.integer("seed", 0, std::numeric_limits<std::int64_t>::max(), config.seed);
  reader.boolean("append_end_token", config.append_end_token);
  reader.integer("validation_every", 0, count_max, config.validation_every);
  reader.boolean("merge", config.merge);
  if (config.merge && config.method != TrainingConfig::Method::lora) reader.refuse("merge", "needs method \"lora\"");
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

ordered_json lora_json(const checkpoint::LoraConfig& lora) {
  ordered_json out{{"r", lora.r}, {"alpha", lora.alpha}, {"dropout", lora.dropout}};
  if (lora.target_pattern.empty())
    out["target_modules"] = lora.target_modules;
  else
    out["target_modules"] = lora.target_pattern;
  out["use_rslora"] = lora.use_rslora;
  return out;
}

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

}  // namespace

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
  if (lora) out["lora"] = lora_json(c.lora);
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
                          {"dtype", "f32"},
                          {"append_end_token", c.append_end_token}});
  // Younger members, which checkpoints of earlier versions do not have: written only where they say something.
  if (c.validation_every > 0) out["validation_every"] = c.validation_every;
  if (c.merge) out["merge"] = true;
  return out.dump();
}

}  // namespace luthier::train
