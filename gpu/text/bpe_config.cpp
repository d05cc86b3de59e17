// tokenizer.json's model "BPE".
#include <nlohmann/json.hpp>

#include "gpu/text/bpe.hpp"
#include "gpu/text/model_config.hpp"

namespace luthier::text {
namespace {

// ["a", "b"] or "a b".
std::vector<Merge> read_merges(const ConfigReader& config) {
  std::vector<Merge> merges;
  const std::size_t count = config.size();
  merges.reserve(count);
  for (std::size_t i = 0; i < count && !config.failed(); ++i) {
    const auto& merge = config.json()[i];
    if (const auto* text = merge.get_ptr<const std::string*>()) {
      const auto blank = text->find(' ');
      if (blank != std::string::npos && text->find(' ', blank + 1) == std::string::npos) {
        merges.push_back({std::string_view(*text).substr(0, blank), std::string_view(*text).substr(blank + 1)});
        continue;
      }
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.push_back({merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()});
      continue;
    }
    config[i].fail("is neither two tokens with a blank between them nor a list of two tokens");
  }
  return merges;
}

}  // namespace

std::shared_ptr<const TokenModel> make_bpe(const ConfigReader& config) {
  if (config.has("dropout") && config["dropout"].json() != 0) return config["dropout"].fail("is not supported; null is"), nullptr;
  BpeOptions options;
  if (config.has("unk_token")) options.unknown = config.text("unk_token");
  options.subword_prefix = config.text("continuing_subword_prefix", "");
  options.word_suffix = config.text("end_of_word_suffix", "");
  options.fuse_unknown = config.flag("fuse_unk", false);
  options.byte_fallback = config.flag("byte_fallback", false);
  options.ignore_merges = config.flag("ignore_merges", false);
  auto vocabulary = read_vocabulary(config["vocab"]);
  const auto merges = read_merges(config["merges"]);
  if (config.failed()) return nullptr;
  auto bpe = Bpe::make(*std::move(vocabulary), merges, std::move(options));
  if (!bpe) return config.fail(bpe.error()), nullptr;
  return *std::move(bpe);
}

}  // namespace luthier::text
