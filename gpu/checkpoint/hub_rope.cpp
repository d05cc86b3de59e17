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
  const auto pairs = static_cast<std::size_t>((decoder.rotary_dim > 0 ? decoder.rotary_dim : decoder.head_dim) / 2);
  rope.short_factor = object.numbers("short_factor", pairs);
  rope.long_factor = object.numbers("long_factor", pairs);
  for (const auto* factors : {&rope.short_factor, &rope.long_factor})
    for (const double factor : *factors)
      if (!(factor > 0 && factor < large))
        object.refuse(factors == &rope.short_factor ? "short_factor" : "long_factor", "has a factor that is not positive");
  rope.attention_factor = object.number("attention_factor", 0, large, 0.0);
}

// The length that the model was first trained with; what is written beside the scaling has the last word.
std::int64_t original_length(Members& config, Members& object, const Decoder& decoder) {
  const std::string key = "original_max_position_embeddings";
  if (config.has(key)) return config.integer(key, 1, position_max);
  if (decoder.family == "phi3") return 4096;  // transformers takes its own default before what is beside the factors
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

std::string type_member(Members& object) { return object.has("rope_type") ? "rope_type" : "type"; }

Kind read_kind(Members& object, const Decoder& decoder) {
  const auto name = object.text(type_member(object), "default");
  // Phi-3's first configurations said yarn, and then su, for what is longrope.
  if (decoder.family == "phi3" && (name == "su" || name == "yarn")) return Kind::longrope;
  const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const auto& each) { return each.first == name; });
  if (kind != kinds.end()) return kind->second;
  object.refuse(type_member(object), printable(name) + " is not supported; default, linear, dynamic, llama3, yarn and longrope are");
  return Kind::plain;
}

// How much of a head is rotated: Phi-3's alone may be less than all.
void read_rotary_dim(Members& config, Members& object, Decoder& decoder) {
  const std::string key = "partial_rotary_factor";
  auto& place = object.has(key) ? object : config;
  const double part = place.number(key, 0, 1, 1.0);
  if (part == 1.0) return;
  if (decoder.family != "phi3") return place.refuse(key, "other than 1 is not supported for " + decoder.family);
  decoder.rotary_dim = static_cast<std::int64_t>(static_cast<double>(decoder.head_dim) * part);
  if (decoder.rotary_dim < 2 || decoder.rotary_dim % 2 != 0)
    place.refuse(key, "gives " + std::to_string(decoder.rotary_dim) + " of " + std::to_string(decoder.head_dim) +
                          " dimensions, which cannot be rotated in pairs");
}

Result<Rope> read_rope(Members& config, const nlohmann::json& given, const std::string& place, double theta, Decoder& decoder) {
  Members object(given, place);
  Rope rope;
  rope.kind = read_kind(object, decoder);
  rope.theta = object.number("rope_theta", 1e-6, 1e18, theta);
  read_rotary_dim(config, object, decoder);
  if (config.ok() && object.ok()) read_scaling(config, object, decoder, rope);
  if (!config.ok()) return config.error();
  if (!object.ok()) return object.error();
  return rope;
}

// An object or nothing. transformers lets an old spelling that is there replace the new one.
std::string given_member(const Members& config) {
  const auto is_given = [&](const char* key) { return config.has(key) && !config.find(key)->empty(); };
  for (const char* key : {"rope_scaling", "rope_parameters"})
    if (is_given(key)) return key;
  return "";
}

// Of a family whose sliding layers have frequencies of their own: one object for each kind of layer, or in the old spelling
// rope_theta and rope_scaling for the others and rope_local_base_freq for those.
Result<void> read_two_ropes(Members& config, const HubFamily& family, Decoder& d) {
  static const nlohmann::json none = nlohmann::json::object();
  const auto* parameters = config.find("rope_parameters");
  const auto* scaling = config.find("rope_scaling");
  if (scaling && !scaling->is_object()) return invalid(config.place() + ": rope_scaling: is not an object", "rope_scaling");
  const auto read = [&](const char* kind, const nlohmann::json* added, double theta) -> Result<Rope> {
    auto object = none;
    if (parameters && parameters->is_object() && parameters->contains(kind) && !(*parameters)[kind].is_null()) object = (*parameters)[kind];
    const auto place = config.place() + ": rope_parameters: " + kind;
    if (!object.is_object()) return invalid(place + ": is not an object", "rope_parameters");
    if (added) object.update(*added);
    return read_rope(config, object, place, theta, d);
  };
  auto full = read("full_attention", scaling, config.number("rope_theta", 1e-6, 1e18, family.rope_theta));
  if (!full) return full.error();
  auto local = read("sliding_attention", nullptr, config.number("rope_local_base_freq", 1e-6, 1e18, 10000.0));
  if (!local) return local.error();
  if (!config.ok()) return config.error();
  d.rope = std::move(*full);
  d.local_rope = std::move(*local);
  return {};
}

}  // namespace

Result<void> read_hub_rope(Members& config, const HubFamily& family, Decoder& d) {
  if (family.model_type == "gemma3_text") return read_two_ropes(config, family, d);
  const auto otherwise = family.rope_scaling.empty() ? nlohmann::json::object() : nlohmann::json::parse(family.rope_scaling);
  const auto key = given_member(config);
  const auto& given = key.empty() ? otherwise : *config.find(key);
  if (!given.is_object()) return invalid(config.place() + ": " + key + ": is not an object", key);
  const double theta = config.number("rope_theta", 1e-6, 1e18, family.rope_theta);
  for (const char* kind : {"full_attention", "sliding_attention"})
    if (given.contains(kind))
      return invalid(config.place() + ": " + key + ": differs by kind of layer, which is not supported for " + d.family, key);
  auto rope = read_rope(config, given, config.place() + ": " + (key.empty() ? "rope_parameters" : key), theta, d);
  if (!rope) return rope.error();
  d.rope = std::move(*rope);
  return {};
}

void add_old_spelling(const Decoder& d, nlohmann::json& config) {
  if (!config.contains("rope_parameters") || config.contains("rope_scaling") || config.contains("rope_theta")) return;
  nlohmann::ordered_json old;
  write_hub_rope(d.rope, old);
  config["rope_theta"] = old["rope_theta"];
  config["rope_scaling"] = old["rope_scaling"];
  if (d.family == "gemma3_text") config["rope_local_base_freq"] = d.local_rope.theta;
  if (d.family != "phi3") return;
  if (d.rotary_dim > 0) config["partial_rotary_factor"] = static_cast<double>(d.rotary_dim) / static_cast<double>(d.head_dim);
  if (d.rope.kind != Kind::longrope) return;
  // Old readers of Phi-3 take these members and no others.
  config["original_max_position_embeddings"] = d.rope.original_max_position_embeddings;
  config["rope_scaling"] = {{"type", "longrope"}, {"short_factor", d.rope.short_factor}, {"long_factor", d.rope.long_factor}};
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
