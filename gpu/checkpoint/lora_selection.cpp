#include "gpu/checkpoint/lora_selection.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "gpu/checkpoint/lora_limits.hpp"
#include "gpu/checkpoint/name_pattern.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

Error in_field(Error error, const std::string& field) {
  error.message = field + ": " + error.message;
  error.field = field;
  return error;
}

// Calls `visit` with the name and every part of it behind a dot: "a.b.c", "b.c", "c".
template <class Visit>
void for_each_suffix(std::string_view name, Visit visit) {
  visit(name);
  for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) visit(name.substr(dot + 1));
}

// A list of names that match as suffixes, or one regular expression for whole names.
class Matcher {
 public:
  static Result<Matcher> make(const std::vector<std::string>& names, const std::string& pattern, const std::string& field) {
    Matcher matcher;
    matcher.names_.insert(names.begin(), names.end());
    if (pattern.empty()) return matcher;
    auto compiled = NamePattern::compile(pattern);
    if (!compiled) return in_field(compiled.error(), field);
    matcher.pattern_ = std::move(*compiled);
    return matcher;
  }
  Result<bool> matches(const std::string& name, std::set<std::string>& used) const {
    if (pattern_) return pattern_->matches_whole(name);
    bool matched = false;
    for_each_suffix(name, [&](std::string_view suffix) {
      const auto found = names_.find(suffix);
      if (found == names_.end()) return;
      matched = true;
      used.insert(*found);
    });
    return matched;
  }
  bool names(const std::string& name) const { return names_.contains(name); }

 private:
  std::set<std::string, std::less<>> names_;
  std::optional<NamePattern> pattern_;
};

// rank_pattern or alpha_pattern. Most keys are plain names; the others are regular expressions for a suffix.
template <class Value>
class Exceptions {
 public:
  static Result<Exceptions> make(const std::vector<std::pair<std::string, Value>>& entries, const std::string& field) {
    Exceptions result;
    for (const auto& [key, value] : entries) {
      const bool is_plain = key.find_first_of("\\^$*+?()[]{}|") == std::string::npos;
      result.entries_.push_back({key, value, std::nullopt});
      if (is_plain) continue;
      auto compiled = NamePattern::compile("(?:.*\\.)?(?:" + key + ")");
      if (!compiled) return in_field(compiled.error(), field);
      result.entries_.back().pattern = std::move(*compiled);
      if (++result.patterns_ > patterns_max) return invalid(field + ": has more than 1000 regular expressions", field);
    }
    return result;
  }
  Result<Value> value_of(const std::string& name, Value otherwise) const {
    for (const auto& [key, value, pattern] : entries_) {
      const auto matched = pattern ? pattern->matches_whole(name) : Result<bool>(is_suffix(name, key));
      if (!matched) return matched.error();
      if (*matched) return value;
    }
    return otherwise;
  }

 private:
  static constexpr int patterns_max = 1000;
  static bool is_suffix(std::string_view name, std::string_view key) {
    return name.ends_with(key) && (name.size() == key.size() || name[name.size() - key.size() - 1] == '.');
  }
  struct Entry {
    std::string key;
    Value value;
    std::optional<NamePattern> pattern;
  };
  std::vector<Entry> entries_;
  int patterns_ = 0;
};

Result<void> check_numbers(const LoraConfig& config) {
  const auto check_rank = [](std::int64_t r, const std::string& field) -> Result<void> {
    if (r >= 1 && r <= lora_rank_max) return {};
    return invalid(field + ": " + std::to_string(r) + " is not between 1 and " + std::to_string(lora_rank_max), field);
  };
  const auto check_alpha = [](double alpha, const std::string& field) -> Result<void> {
    if (std::abs(alpha) <= lora_alpha_max) return {};
    return invalid(field + ": is not a number of at most 1e9", field);
  };
  if (auto good = check_rank(config.r, "r"); !good) return good;
  if (auto good = check_alpha(config.alpha, "alpha"); !good) return good;
  for (const auto& [key, r] : config.rank_pattern)
    if (auto good = check_rank(r, "rank_pattern"); !good) return good;
  for (const auto& [key, alpha] : config.alpha_pattern)
    if (auto good = check_alpha(alpha, "alpha_pattern"); !good) return good;
  if (!(config.dropout >= 0 && config.dropout < 1)) return invalid("dropout: is not from 0 to below 1", "dropout");
  if (config.dropout > 0 && !config.target_parameters.empty())
    return invalid("dropout: must be 0 with target_parameters, which PEFT adds to the weights themselves", "dropout");
  if (config.use_dora && !config.target_parameters.empty())
    return invalid("use_dora: must be false with target_parameters: PEFT gives experts and routers no magnitudes", "use_dora");
  return {};
}

// The first number among the parts of a name: "model.layers.3.self_attn.q_proj", "encoder.layer.3.output.dense".
std::optional<std::int64_t> layer_index(std::string_view name) {
  std::optional<std::int64_t> index;
  for_each_suffix(name, [&](std::string_view suffix) {
    const bool is_number = !suffix.empty() && suffix[0] >= '0' && suffix[0] <= '9';
    if (is_number && !index) index = std::stoll(std::string(suffix.substr(0, suffix.find('.'))));
  });
  return index;
}

// "b.c" of "a.b.c": that many parts of a name, or all.
std::string end_of(const std::string& name, int parts) {
  auto start = name.rfind('.');
  while (--parts > 0 && start != std::string::npos) start = name.rfind('.', start - 1);
  return start == std::string::npos ? name : name.substr(start + 1);
}

// "q_proj, k_proj and v_proj": how this model's layers end.
std::string known_names(const std::vector<std::string>& names, int parts) {
  std::vector<std::string> ends;
  for (const auto& name : names)
    if (const auto end = end_of(name, parts); std::find(ends.begin(), ends.end(), end) == ends.end()) ends.push_back(end);
  std::string text;
  for (std::size_t i = 0; i < ends.size(); ++i) text += (i == 0 ? "" : i + 1 == ends.size() ? " and " : ", ") + ends[i];
  return text;
}

std::string known_layers(const Decoder& decoder) {
  std::vector<std::string> names;
  for (const auto& layer : linear_layers(decoder)) names.push_back(layer.name);
  return known_names(names, 1);
}

std::string known_parameters(const Decoder& decoder) {
  std::vector<std::string> names;
  for (const auto& parameter : expert_parameters(decoder)) names.push_back(parameter.name);
  for (const auto& router : routers(decoder)) names.push_back(router.name + ".weight");
  return names.empty() ? "this model has no experts" : known_names(names, 3) + " are there";
}

Error nothing_selected(const LoraConfig& config, const Decoder& decoder) {
  const std::string field = "target_modules";
  if (!config.target_pattern.empty())
    return invalid(field + ": the regular expression " + printable(config.target_pattern) +
                       " matches the whole name of no linear layer, such as " + linear_layers(decoder).front().name +
                       "; a list of names matches by suffix", field);
  if (!config.target_parameters.empty())
    return invalid("target_parameters: selects no parameter; " + known_parameters(decoder), "target_parameters");
  return invalid(field + ": selects no linear layer; " + known_layers(decoder) + " are there", field);
}

class Selection {
 public:
  static Result<Selection> make(const LoraConfig& config) {
    auto targets = Matcher::make(config.target_modules, is_all_linear(config) ? "" : config.target_pattern, "target_modules");
    if (!targets) return targets.error();
    auto excluded = Matcher::make(config.exclude_modules, config.exclude_pattern, "exclude_modules");
    if (!excluded) return excluded.error();
    auto parameters = Matcher::make(config.target_parameters, "", "target_parameters");
    if (!parameters) return parameters.error();
    return Selection{config, std::move(*targets), std::move(*excluded), std::move(*parameters)};
  }
  // Neither exclude_modules nor layers_to_transform touches parameters.
  Result<bool> selects_parameter(const std::string& name) { return parameters_.matches(name, used_parameters); }
  Result<bool> selects(const std::string& name) {
    std::set<std::string> ignored;
    const auto excluded = excluded_.matches(name, ignored);
    if (!excluded) return in_field(excluded.error(), "exclude_modules");
    if (*excluded) return false;
    if (is_all_linear(*config_)) return name != "lm_head";
    const auto matched = targets_.matches(name, used);
    if (!matched) return in_field(matched.error(), "target_modules");
    // PEFT lets a layer that is named in full pass whatever layers_to_transform says.
    const auto& layers = config_->layers_to_transform;
    if (!*matched || layers.empty() || targets_.names(name)) return *matched;
    const auto index = layer_index(name);
    return index && std::find(layers.begin(), layers.end(), *index) != layers.end();
  }

  std::set<std::string> used;  // entries of target_modules that have selected something
  std::set<std::string> used_parameters;

 private:
  Selection(const LoraConfig& config, Matcher targets, Matcher excluded, Matcher parameters)
      : config_(&config), targets_(std::move(targets)), excluded_(std::move(excluded)), parameters_(std::move(parameters)) {}

  const LoraConfig* config_;
  Matcher targets_, excluded_, parameters_;
};

}  // namespace

bool is_all_linear(const LoraConfig& config) {
  constexpr std::string_view spelling = "all-linear";
  return std::equal(spelling.begin(), spelling.end(), config.target_pattern.begin(), config.target_pattern.end(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

std::vector<std::string> default_targets(const Decoder& decoder) {
  static const std::set<std::string> by_query_and_value{"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text"};
  if (decoder.norm_place == NormPlace::after) return {"query", "value"};
  return by_query_and_value.contains(decoder.family) ? std::vector<std::string>{"q_proj", "v_proj"} : std::vector<std::string>{};
}

namespace {

// Rank and scale of a layer or parameter, by PEFT's name for it.
class Strengths {
 public:
  static Result<Strengths> make(const LoraConfig& config) {
    auto ranks = Exceptions<std::int64_t>::make(config.rank_pattern, "rank_pattern");
    if (!ranks) return ranks.error();
    auto alphas = Exceptions<double>::make(config.alpha_pattern, "alpha_pattern");
    if (!alphas) return alphas.error();
    return Strengths{config, std::move(*ranks), std::move(*alphas)};
  }
  Result<SelectedLayer> of(LinearLayer layer, const std::string& name) const {
    const auto r = ranks_.value_of(name, config_->r);
    if (!r) return in_field(r.error(), "rank_pattern");
    const auto alpha = alphas_.value_of(name, config_->alpha);
    if (!alpha) return in_field(alpha.error(), "alpha_pattern");
    const auto rank = static_cast<double>(*r);
    return SelectedLayer{std::move(layer), *r, static_cast<float>(*alpha / (config_->use_rslora ? std::sqrt(rank) : rank))};
  }

 private:
  Strengths(const LoraConfig& config, Exceptions<std::int64_t> ranks, Exceptions<double> alphas)
      : config_(&config), ranks_(std::move(ranks)), alphas_(std::move(alphas)) {}
  const LoraConfig* config_;
  Exceptions<std::int64_t> ranks_;
  Exceptions<double> alphas_;
};

Result<void> add_layers(const Decoder& decoder, const Strengths& strengths, Selection& selection, std::vector<SelectedLayer>& selected) {
  for (auto& layer : linear_layers(decoder)) {
    const auto is_selected = selection.selects(layer.name);
    if (!is_selected) return is_selected.error();
    if (!*is_selected) continue;
    auto strong = strengths.of(layer, layer.name);
    if (!strong) return strong.error();
    selected.push_back(std::move(*strong));
  }
  return {};
}

Result<void> add_parameters(const Decoder& decoder, const Strengths& strengths, Selection& selection,
                            std::vector<SelectedLayer>& selected) {
  for (auto& router : routers(decoder)) {
    const auto name = router.name + ".weight";
    if (const auto is_selected = selection.selects_parameter(name); !is_selected || !*is_selected) continue;
    auto strong = strengths.of(router, name);
    if (!strong) return strong.error();
    selected.push_back(std::move(*strong));
  }
  for (const auto& parameter : expert_parameters(decoder)) {
    if (const auto is_selected = selection.selects_parameter(parameter.name); !is_selected || !*is_selected) continue;
    auto strong = strengths.of({parameter.name, parameter.in, parameter.out, false}, parameter.name);
    if (!strong) return strong.error();
    strong->parameter = parameter.name;
    strong->experts = parameter.experts;
    for (strong->expert = 0; strong->expert < parameter.experts; ++strong->expert) {
      strong->layer.name = parameter.expert_name(strong->expert);
      selected.push_back(*strong);
    }
  }
  return {};
}

// Every entry must have selected something.
Result<void> check_used(const LoraConfig& config, const Decoder& decoder, const Selection& selection) {
  for (const auto& target : config.target_modules)
    if (!selection.used.contains(target))
      return invalid("target_modules: " + printable(target) + " is no linear layer of this model; " + known_layers(decoder) + " are",
                     "target_modules");
  for (const auto& target : config.target_parameters)
    if (!selection.used_parameters.contains(target))
      return invalid("target_parameters: " + printable(target) + " is none of this model; " + known_parameters(decoder),
                     "target_parameters");
  return {};
}

}  // namespace

Result<std::vector<SelectedLayer>> select_layers(const LoraConfig& config, const Decoder& decoder, bool is_strict) {
  if (auto good = check_numbers(config); !good) return good.error();
  auto selection = Selection::make(config);
  if (!selection) return selection.error();
  const auto strengths = Strengths::make(config);
  if (!strengths) return strengths.error();
  std::vector<SelectedLayer> selected;
  if (auto added = add_layers(decoder, *strengths, *selection, selected); !added) return added.error();
  if (auto added = add_parameters(decoder, *strengths, *selection, selected); !added) return added.error();
  if (selected.empty()) return nothing_selected(config, decoder);
  if (is_strict)
    if (auto used = check_used(config, decoder, *selection); !used) return used.error();
  return selected;
}

}  // namespace luthier::checkpoint
