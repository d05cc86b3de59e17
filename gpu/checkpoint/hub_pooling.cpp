#include "gpu/checkpoint/hub_pooling.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "gpu/checkpoint/json_file.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

// Nothing when the file is not there.
Result<std::optional<nlohmann::json>> read_if_there(const std::filesystem::path& path) {
  auto object = read_object(path);
  if (object) return std::optional(std::move(*object));
  if (object.error().code == ErrorCode::not_found) return std::optional<nlohmann::json>();
  return object.error();
}

void read_mode(Members& config, Decoder& d) {
  constexpr std::array<std::pair<const char*, Pooling>, 3> modes{{{"pooling_mode_mean_tokens", Pooling::mean},
                                                                  {"pooling_mode_cls_token", Pooling::cls},
                                                                  {"pooling_mode_lasttoken", Pooling::last}}};
  int chosen = 0;
  for (const auto& [member, mode] : modes)
    if (config.boolean(member, false)) d.pooling = mode, ++chosen;
  for (const auto* member : {"pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens"})
    if (config.boolean(member, false)) config.refuse(member, "is not supported; the mean, the first token and the last one are");
  if (chosen > 1) config.refuse("pooling_mode_mean_tokens", "several ways of pooling at once are not supported");
}

// modules.json lists what a text's vector goes through, and where each part's files lie.
Result<std::string> pooling_folder(const std::filesystem::path& path) {
  std::string folder = "1_Pooling";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return folder;
  const auto modules = read_array(path);
  if (!modules) return modules.error();
  for (const auto& each : *modules) {
    const auto member = [&](const char* name) {
      const auto found = each.is_object() ? each.find(name) : each.end();
      return each.is_object() && found != each.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    const auto type = member("type"), place = member("path");
    const auto kind = type.substr(type.rfind('.') + 1);  // the whole of it where there is no dot
    if (kind != "Transformer" && kind != "Pooling" && kind != "Normalize")
      return invalid(path.string() + ": type: " + printable(type) + " is not supported; Transformer, Pooling and Normalize are", "type");
    if (kind != "Pooling") continue;
    if (place.empty() || place.find_first_of("/\\") != place.npos || place.starts_with('.'))
      return invalid(path.string() + ": path: " + printable(place) + " is not a folder of this directory", "path");
    folder = place;
  }
  return folder;
}

void read_prefixes(Members& prompts, Decoder& d) {
  d.query_prefix = prompts.text("query", d.query_prefix);
  for (const auto* name : {"passage", "document"}) d.passage_prefix = prompts.text(name, d.passage_prefix);
}

}  // namespace

Result<void> apply_pooling(const std::filesystem::path& directory, Decoder& decoder) {
  std::error_code ignored;
  if (const auto dense = directory / "2_Dense"; std::filesystem::exists(dense, ignored))
    return invalid(dense.string() + ": a layer behind the pooled vector is not supported; use a model without one", "2_Dense");
  const auto folder = pooling_folder(directory / "modules.json");
  if (!folder) return folder.error();
  const auto path = directory / *folder / "config.json";
  const auto pooling = read_if_there(path);
  if (!pooling) return pooling.error();
  bool with_prompt = true;
  if (*pooling) {
    Members config(**pooling, path.string());
    read_mode(config, decoder);
    with_prompt = config.boolean("include_prompt", true);
    if (!config.ok()) return config.error();
  }
  const auto prompts_path = directory / "config_sentence_transformers.json";
  const auto sentences = read_if_there(prompts_path);
  if (!sentences) return sentences.error();
  if (!*sentences || !(*sentences)->contains("prompts") || !(**sentences)["prompts"].is_object()) return {};
  Members prompts((**sentences)["prompts"], prompts_path.string() + ": prompts");
  read_prefixes(prompts, decoder);
  if (!prompts.ok()) return prompts.error();
  if (!with_prompt && decoder.pooling == Pooling::mean && !(decoder.query_prefix.empty() && decoder.passage_prefix.empty()))
    return invalid(path.string() + ": include_prompt: false, a mean without the tokens of the prompt, is not supported", "include_prompt");
  return {};
}

}  // namespace luthier::checkpoint
