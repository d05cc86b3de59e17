#include "gpu/text/post_processor.hpp"

#include "gpu/text/vocabulary.hpp"
#include "gpu/text/normaliser.hpp"

namespace luthier::text {
namespace {

TokenId read_id(const ConfigReader& config) {
  const auto id = config.as_integer();
  if (id < 0 || id > token_id_max) config.fail("is no token id");
  return static_cast<TokenId>(id);
}

// A template for one text: special tokens around "A", which stands for the text.
PostProcessor from_template(const ConfigReader& config) {
  PostProcessor result;
  const auto single = config["single"];
  bool text_seen = false;
  const std::size_t count = single.size();
  for (std::size_t i = 0; i < count && !config.failed(); ++i) {
    if (single[i].has("Sequence")) {
      if (text_seen) single[i].fail("names the text a second time, which is not supported");
      text_seen = true;
      continue;
    }
    const auto ids = config["special_tokens"][single[i]["SpecialToken"].text("id")]["ids"];
    const std::size_t ids_count = ids.size();
    for (std::size_t k = 0; k < ids_count; ++k) (text_seen ? result.after : result.before).push_back(read_id(ids[k]));
  }
  if (!text_seen) single.fail("does not name the text");
  return result;
}

PostProcessor from_pair(const ConfigReader& config) {
  return {{read_id(config["cls"][1])}, {read_id(config["sep"][1])}};
}

// The later one stands outside.
PostProcessor from_sequence(const ConfigReader& list, int depth) {
  PostProcessor result;
  const std::size_t count = list.size();
  for (std::size_t i = 0; i < count && !list.failed(); ++i) {
    const auto outer = make_post_processor(list[i], depth + 1);
    result.before.insert(result.before.begin(), outer.before.begin(), outer.before.end());
    result.after.insert(result.after.end(), outer.after.begin(), outer.after.end());
  }
  return result;
}

}  // namespace

PostProcessor make_post_processor(const ConfigReader& config, int depth) {
  if (config.is_null() || config.failed()) return {};
  if (depth > config_depth_max) return config.fail("is nested too deep"), PostProcessor{};
  const std::string type = config.text("type");
  if (type == "ByteLevel") return {};
  if (type == "TemplateProcessing") return from_template(config);
  if (type == "Sequence") return from_sequence(config["processors"], depth);
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    if (config["cls"].size() == 2 && config["sep"].size() == 2) return from_pair(config);
    config.fail("cls and sep are not [token, id]");
    return {};
  }
  config["type"].fail("the post-processor \"" + type +
                      "\" is not supported; TemplateProcessing, ByteLevel, RobertaProcessing, BertProcessing and Sequence are");
  return {};
}

}  // namespace luthier::text
