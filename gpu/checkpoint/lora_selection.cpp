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
  return {};
}

std::optional<std::int64_t> layer_index(std::string_view name) {
  constexpr std::string_view prefix = "model.layers.";
  if (!name.starts_with(prefix)) return std::nullopt;
  return std::stoll(std::string(name.substr(prefix.size())));
}

Error nothing_selected(const LoraConfig& config) {
  const std::string field = "target_modules";
  if (!config.target_pattern.empty())
    return invalid(field + ": the regular expression " + printable(config.target_pattern) +
                       " matches the whole name of no linear layer, such as model.layers.0.self_attn.q_proj; a list of names "
                       "matches by suffix", field);
  return invalid(field + ": selects no linear layer; q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj and "
                         "lm_head are there", field);
}

class Selection {
 public:
  static Result<Selection> make(const LoraConfig& config) {
    auto targets = Matcher::make(config.target_modules, is_all_linear(config) ? "" : config.target_pattern, "target_modules");
    if (!targets) return targets.error();
    auto excluded = Matcher::make(config.exclude_modules, config.exclude_pattern, "exclude_modules");
    if (!excluded) return excluded.error();
    return Selection{config, std::move(*targets), std::move(*excluded)};
  }
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

 private:
  Selection(const LoraConfig& config, Matcher targets, Matcher excluded)
      : config_(&config), targets_(std::move(targets)), excluded_(std::move(excluded)) {}

  const LoraConfig* config_;
  Matcher targets_, excluded_;
};

}  // namespace

bool is_all_linear(const LoraConfig& config) {
  constexpr std::string_view spelling = "all-linear";
  return std::equal(spelling.begin(), spelling.end(), config.target_pattern.begin(), config.target_pattern.end(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

Result<std::vector<SelectedLayer>> select_layers(const LoraConfig& config, const Decoder& decoder, bool is_strict) {
  if (auto good = check_numbers(config); !good) return good.error();
  auto selection = Selection::make(config);
  if (!selection) return selection.error();
  const auto ranks = Exceptions<std::int64_t>::make(config.rank_pattern, "rank_pattern");
  if (!ranks) return ranks.error();
  const auto alphas = Exceptions<double>::make(config.alpha_pattern, "alpha_pattern");
  if (!alphas) return alphas.error();

  std::vector<SelectedLayer> selected;
  for (auto& layer : linear_layers(decoder)) {
    const auto is_selected = selection->selects(layer.name);
    if (!is_selected) return is_selected.error();
    if (!*is_selected) continue;
    const auto r = ranks->value_of(layer.name, config.r);
    if (!r) return in_field(r.error(), "rank_pattern");
    const auto alpha = alphas->value_of(layer.name, config.alpha);
    if (!alpha) return in_field(alpha.error(), "alpha_pattern");
    const auto rank = static_cast<double>(*r);
    selected.push_back({std::move(layer), *r, static_cast<float>(*alpha / (config.use_rslora ? std::sqrt(rank) : rank))});
  }
  if (selected.empty()) return nothing_selected(config);
  if (is_strict)
    for (const auto& target : config.target_modules)
      if (!selection->used.contains(target))
        return invalid("target_modules: " + printable(target) + " is no linear layer of this model; q_proj, k_proj, v_proj, "
                       "o_proj, gate_proj, up_proj, down_proj and lm_head are", "target_modules");
  return selected;
}

}  // namespace luthier::checkpoint
