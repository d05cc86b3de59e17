#include "gpu/checkpoint/hub_rope.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/limits.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

using Kind = Rope::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 6> kinds{{{"default", Kind::plain},
                                                                  {"linear", Kind::linear},
                                                                  {"dynamic", Kind::dynamic},
                                                                  {"llama3", Kind::llama3},
                                                                  {"yarn", Kind::yarn},
                                                                  {"longrope", Kind::longrope}}};
constexpr double large = 1e12;

void read_yarn(Members& object, Rope& rope) {
  rope.beta_fast = object.number("beta_fast", 0, large, 32.0);
  rope.beta_slow = object.number("beta_slow", 0, large, 1.0);
  rope.attention_factor = object.number("attention_factor", 0, large, 0.0);
  rope.mscale = object.number("mscale", 0, large, 0.0);
  rope.mscale_all_dim = object.number("mscale_all_dim", 0, large, 0.0);
  rope.truncate = object.boolean("truncate", true);
}

void read_longrope(Members& object, const Decoder& decoder, Rope& rope) {
  const auto pairs = static_cast<std::size_t>(decoder.head_dim / 2);
  rope.short_factor = object.numbers("short_factor", pairs);
  rope.long_factor = object.numbers("long_factor", pairs);
  for (const auto* factors : {&rope.short_factor, &rope.long_factor})
    for (const double factor : *factors)
      if (!(factor > 0 && factor < large)) object.refuse(factors == &rope.short_factor ? "short_factor" : "long_factor", "has a factor that is not positive");
  rope.attention_factor = object.number("attention_factor", 0, large, 0.0);
}

// The length that the model was first trained with; what is written beside the scaling has the last word.
std::int64_t original_length(Members& config, Members& object, const Decoder& decoder) {
  const std::string key = "original_max_position_embeddings";
  if (config.has(key)) return config.integer(key, 1, position_max);
  return object.integer(key, 1, position_max, decoder.max_position_embeddings);
}

void read_scaling(Members& config, Members& object, const Decoder& decoder, Rope& rope) {
  const bool has_length = rope.kind == Kind::llama3 || rope.kind == Kind::yarn || rope.kind == Kind::longrope;
  if (has_length) rope.original_max_position_embeddings = original_length(config, object, decoder);
  if (rope.kind == Kind::longrope) {
    const double ratio = static_cast<double>(decoder.max_position_embeddings) /
                         static_cast<double>(std::max<std::int64_t>(rope.original_max_position_embeddings, 1));
    rope.factor = object.number("factor", 1e-6, large, ratio);
    return read_longrope(object, decoder, rope);
  }
  if (rope.kind != Kind::plain) rope.factor = object.number("factor", 1e-6, large);
  if (rope.kind == Kind::yarn) read_yarn(object, rope);
  if (rope.kind == Kind::llama3) {
    rope.low_freq_factor = object.number("low_freq_factor", 1e-6, large);
    rope.high_freq_factor = object.number("high_freq_factor", 1e-6, large);
    if (rope.high_freq_factor <= rope.low_freq_factor) object.refuse("high_freq_factor", "is not larger than low_freq_factor");
  }
}

}  // namespace

Result<Rope> parse_hub_rope(Members& config, const Decoder& decoder) {
  static const nlohmann::json none = nlohmann::json::object();
  // transformers lets an old spelling that is there replace the new one.
  const auto is_given = [&](const char* key) { return config.has(key) && !config.find(key)->empty(); };
  const std::string key = is_given("rope_scaling") ? "rope_scaling" : "rope_parameters";
  const auto* given = is_given(key.c_str()) ? config.find(key) : &none;
  if (!given->is_object()) return invalid(config.place() + ": " + key + ": is not an object", key);

  Members object(*given, config.place() + ": " + key);
  Rope rope;
  const auto name = object.text(object.has("rope_type") ? "rope_type" : "type", "default");
  const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const auto& each) { return each.first == name; });
  if (kind == kinds.end())
    object.refuse(object.has("rope_type") ? "rope_type" : "type",
                  printable(name) + " is not supported; default, linear, dynamic, llama3, yarn and longrope are");
  else
    rope.kind = kind->second;
  const double theta = config.number("rope_theta", 1e-6, 1e18, 10000.0);
  rope.theta = object.number("rope_theta", 1e-6, 1e18, theta);
  for (auto* members : {&config, &object})
    if (members->number("partial_rotary_factor", 0, 1, 1.0) != 1.0)
      members->refuse("partial_rotary_factor", "other than 1 is not supported for llama");
  read_scaling(config, object, decoder, rope);
  if (!config.ok()) return config.error();
  if (!object.ok()) return object.error();
  return rope;
}

void write_hub_rope(const Rope& rope, nlohmann::ordered_json& config) {
  const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const auto& each) { return each.second == rope.kind; });
  nlohmann::ordered_json scaling = {{"rope_type", kind->first}};
  if (rope.kind != Kind::plain) scaling["factor"] = rope.factor;
  if (rope.kind == Kind::llama3) {
    scaling["low_freq_factor"] = rope.low_freq_factor;
    scaling["high_freq_factor"] = rope.high_freq_factor;
  }
  if (rope.original_max_position_embeddings > 0)
    scaling["original_max_position_embeddings"] = rope.original_max_position_embeddings;
  if (rope.kind == Kind::yarn) {
    scaling["beta_fast"] = rope.beta_fast;
    scaling["beta_slow"] = rope.beta_slow;
    scaling["truncate"] = rope.truncate;
    if (rope.mscale != 0) scaling["mscale"] = rope.mscale;
    if (rope.mscale_all_dim != 0) scaling["mscale_all_dim"] = rope.mscale_all_dim;
  }
  if (rope.kind == Kind::longrope) {
    scaling["short_factor"] = rope.short_factor;
    scaling["long_factor"] = rope.long_factor;
  }
  if (rope.attention_factor != 0) scaling["attention_factor"] = rope.attention_factor;
  config["rope_theta"] = rope.theta;
  config["rope_scaling"] = rope.kind == Kind::plain ? nlohmann::ordered_json() : scaling;
  scaling["rope_theta"] = rope.theta;
  config["rope_parameters"] = scaling;
}

}  // namespace luthier::checkpoint
