#include "gpu/train/embedding_output.hpp"

#include <nlohmann/json.hpp>

#include "events/base/file.hpp"

namespace luthier::train {
namespace {

using Json = nlohmann::ordered_json;
using checkpoint::Pooling;

constexpr std::size_t config_bytes_max = 16 << 20;

Result<void> write(const std::filesystem::path& path, const Json& content) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return Error{ErrorCode::io, path.parent_path().string() + ": " + error.message(), {}};
  return write_file_durably(path, content.dump(2) + "\n");
}

Json module(int index, const std::string& path, const std::string& type) {
  return {{"idx", index}, {"name", std::to_string(index)}, {"path", path}, {"type", "sentence_transformers.models." + type}};
}

}  // namespace

Result<void> complete_embedding_adapter(const std::filesystem::path& directory) {
  const auto path = directory / "adapter_config.json";
  const auto text = read_text(path, config_bytes_max);
  if (!text) return text.error();
  auto config = Json::parse(*text, nullptr, false);
  if (!config.is_object()) return Error{ErrorCode::corrupt, path.string() + " is not what was written", {}};
  config["task_type"] = "FEATURE_EXTRACTION";
  return write(path, config);
}

Result<void> complete_embedding_model(const std::filesystem::path& directory, const checkpoint::Decoder& decoder) {
  const Json pooling{{"word_embedding_dimension", decoder.hidden_size},
                     {"pooling_mode_cls_token", decoder.pooling == Pooling::cls},
                     {"pooling_mode_mean_tokens", decoder.pooling == Pooling::mean},
                     {"pooling_mode_max_tokens", false},
                     {"pooling_mode_mean_sqrt_len_tokens", false},
                     {"pooling_mode_weightedmean_tokens", false},
                     {"pooling_mode_lasttoken", decoder.pooling == Pooling::last},
                     {"include_prompt", true}};
  if (auto written = write(directory / "1_Pooling" / "config.json", pooling); !written) return written;
  const Json prompts{{"prompts", {{"query", decoder.query_prefix}, {"document", decoder.passage_prefix}}},
                     {"similarity_fn_name", "cosine"}};
  if (auto written = write(directory / "config_sentence_transformers.json", prompts); !written) return written;
  return write(directory / "modules.json",
               Json::array({module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling"), module(2, "2_Normalize", "Normalize")}));
}

}  // namespace luthier::train
