#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "gpu/checkpoint/hub_family.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

const std::vector<HubFamily>& families() {
  static const std::vector<HubFamily> all{
      {.model_type = "llama", .architectures = {"LlamaForCausalLM", "LlamaModel"}, .read = read_llama, .bos = 1, .eos = 2},
      {.model_type = "nemotron-nas", .architectures = {"DeciLMForCausalLM"}, .read = read_nemotron_nas, .bos = 1, .eos = 2,
       .sizes_differ = true},
      {.model_type = "llama_bidirec", .architectures = {"LlamaBidirectionalModel"}, .read = read_llama_bidirectional, .bos = 1, .eos = 2},
      {.model_type = "mistral", .architectures = {"MistralForCausalLM", "MistralModel"}, .read = read_mistral, .kv_heads = 8,
       .max_position_embeddings = 131072, .bos = 1, .eos = 2},
      {.model_type = "qwen2", .architectures = {"Qwen2ForCausalLM", "Qwen2Model"}, .read = read_qwen2, .kv_heads = 32,
       .max_position_embeddings = 32768},
      {.model_type = "qwen3", .architectures = {"Qwen3ForCausalLM", "Qwen3Model"}, .read = read_qwen3, .kv_heads = 32, .head_dim = 128,
       .max_position_embeddings = 32768},
      {.model_type = "qwen3_moe", .architectures = {"Qwen3MoeForCausalLM", "Qwen3MoeModel"}, .read = read_qwen3_moe, .kv_heads = 4,
       .max_position_embeddings = 32768},
      {.model_type = "smollm3", .architectures = {"SmolLM3ForCausalLM", "SmolLM3Model"}, .read = read_smollm3, .kv_heads = 4,
       .max_position_embeddings = 32768, .tied = true, .bos = 128000, .eos = 128001, .pad = 128004, .rope_theta = 2e6},
      {.model_type = "phi3", .architectures = {"Phi3ForCausalLM", "Phi3Model"}, .read = read_phi3, .max_position_embeddings = 4096, .eps = 1e-5,
       .bos = 1, .eos = 32000, .pad = 32000},
      {.model_type = "gemma", .architectures = {"GemmaForCausalLM", "GemmaModel"}, .read = read_gemma, .kv_heads = 16, .head_dim = 256,
       .max_position_embeddings = 8192, .tied = true, .activation = "gelu_pytorch_tanh", .bos = 2, .eos = 1, .pad = 0},
      {.model_type = "gemma2", .architectures = {"Gemma2ForCausalLM", "Gemma2Model"}, .read = read_gemma2, .kv_heads = 4, .head_dim = 256,
       .max_position_embeddings = 8192, .tied = true, .activation_member = "hidden_activation", .activation = "gelu_pytorch_tanh",
       .bos = 2, .eos = 1, .pad = 0},
      {.model_type = "gemma3_text", .architectures = {"Gemma3ForCausalLM", "Gemma3TextModel"}, .read = read_gemma3, .kv_heads = 4, .head_dim = 256,
       .max_position_embeddings = 131072, .tied = true, .activation_member = "hidden_activation", .activation = "gelu_pytorch_tanh",
       .bos = 2, .eos = 1, .pad = 0, .rope_theta = 1e6},
      {.model_type = "gpt_oss", .architectures = {"GptOssForCausalLM", "GptOssModel"}, .read = read_gpt_oss, .kv_heads = 8, .head_dim = 64,
       .max_position_embeddings = 131072, .eps = 1e-5, .rope_theta = 150000.0,
       .rope_scaling = R"({"rope_type": "yarn", "factor": 32.0, "truncate": false, "original_max_position_embeddings": 4096})"},
      {.model_type = "bert", .architectures = {"BertModel", "BertForMaskedLM", "BertForPreTraining"}, .read = read_bert,
       .max_position_embeddings = 512, .eps_member = "layer_norm_eps", .eps = 1e-12, .activation = "gelu", .pad = 0, .has_rope = false},
      {.model_type = "roberta", .architectures = {"RobertaModel", "RobertaForMaskedLM"}, .read = read_roberta,
       .max_position_embeddings = 512, .eps_member = "layer_norm_eps", .eps = 1e-12, .activation = "gelu", .bos = 0, .eos = 2, .pad = 1,
       .has_rope = false},
      {.model_type = "xlm-roberta", .architectures = {"XLMRobertaModel", "XLMRobertaForMaskedLM"}, .read = read_roberta,
       .max_position_embeddings = 512, .eps_member = "layer_norm_eps", .eps = 1e-12, .activation = "gelu", .bos = 0, .eos = 2, .pad = 1,
       .has_rope = false},
  };
  return all;
}

constexpr std::size_t compared_max = 40;  // characters of a name: what is longer resembles nothing

// How many characters must be changed, put in or left out to make one of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

// ": gemma3_text is the nearest of what is", and all of them.
std::string what_is_supported(std::string_view model_type) {
  const HubFamily* nearest = nullptr;
  std::size_t least = 0;
  std::string all;
  for (const auto& family : families()) {
    all += (all.empty() ? "" : ", ") + std::string(family.model_type);
    const auto steps = distance(model_type.substr(0, compared_max), family.model_type);
    if (!nearest || steps < least) least = steps, nearest = &family;
  }
  return std::string(nearest->model_type) + " is the nearest of " + all;
}

std::string lower(std::string text) {
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

std::size_t label_count(Members& config) {
  if (const auto* labels = config.find("id2label"); labels && labels->is_object()) return labels->size();
  const auto* count = config.find("num_labels");
  return count && *count == 1 ? 1 : 2;  // 2 is transformers' own
}

bool is_reranker(Members& config, const std::string& architecture) {
  const auto* path = config.find("_name_or_path");
  const auto text = lower(architecture + " " + (path && path->is_string() ? path->get<std::string>() : ""));
  for (const auto* word : {"rerank", "cross-encoder", "crossencoder"})
    if (text.find(word) != text.npos) return true;
  return architecture.ends_with("ForSequenceClassification") && label_count(config) == 1;
}

void refuse_architecture(Members& config, const HubFamily& family, const std::string& architecture) {
  std::string known;
  for (const auto each : family.architectures)
    if (!each.empty()) known += (known.empty() ? "" : ", ") + std::string(each);
  config.refuse("architectures",
                printable(architecture) + " is not supported; of " + std::string(family.model_type) + " there are " + known);
}

}  // namespace

Result<const HubFamily*> find_hub_family(const nlohmann::json& object, const std::string& name) {
  Members config(object, name);
  const auto architectures = config.texts("architectures");
  auto architecture = architectures.empty() ? std::string() : architectures.front();
  auto model_type = config.text("model_type");
  if (!config.ok()) return config.error();
  if (is_reranker(config, architecture))
    config.refuse("architectures", printable(architecture) + " ranks passages and gives no embeddings; use an embedding model, such as a "
                                   "LlamaBidirectionalModel or a BertModel");
  // Some publish it as a plain llama.
  if (model_type == "llama" && architecture == "LlamaBidirectionalModel") model_type = "llama_bidirec";
  const auto& all = families();
  const auto family = std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.model_type == model_type; });
  if (config.ok() && (config.has("text_config") || config.has("vision_config")))
    config.refuse("model_type", printable(model_type) + " takes more than text, which is not supported; a text model of the same family "
                                "may be: " + what_is_supported(model_type));
  else if (family == all.end())
    config.refuse("model_type", "family " + printable(model_type) + " is not supported; " + what_is_supported(model_type));
  if (!config.ok()) return config.error();
  const auto& known = family->architectures;
  if (!architecture.empty() && std::find(known.begin(), known.end(), architecture) == known.end())
    refuse_architecture(config, *family, architecture);
  if (!config.ok()) return config.error();
  return &*family;
}

}  // namespace luthier::checkpoint
