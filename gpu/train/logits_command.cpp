#include <cstring>
#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "gpu/checkpoint/memory.hpp"
#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/model/forward.hpp"
#include "gpu/model/head.hpp"
#include "gpu/train/command_support.hpp"
#include "gpu/train/commands.hpp"

namespace luthier::train {
namespace {

using Ids = std::vector<std::int32_t>;

Error bad_tokens(const std::string& why) { return invalid("--tokens " + why, "tokens"); }

Result<Ids> parse_sequence(const nlohmann::json& list, std::size_t index, std::int64_t vocab_size) {
  const std::string name = "sequence " + std::to_string(index);
  if (!list.is_array() || list.empty()) return bad_tokens(name + " must be a list of at least one id");
  Ids ids;
  for (const auto& id : list) {
    const bool known = id.is_number_unsigned() && id.get<std::uint64_t>() < static_cast<std::uint64_t>(vocab_size);
    if (!known)
      return bad_tokens(name + ": " + id.dump().substr(0, 40) + " is no id from 0 to " + std::to_string(vocab_size - 1));
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

Result<std::vector<Ids>> parse_tokens(const std::string& text, const checkpoint::Decoder& decoder) {
  const auto lists = nlohmann::json::parse(text, nullptr, false);
  if (!lists.is_array()) return bad_tokens("must be JSON like [[1,2,3],[4,5]]");
  std::vector<Ids> sequences;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    auto ids = parse_sequence(lists[i], i, decoder.vocab_size);
    if (!ids) return ids.error();
    if (static_cast<std::int64_t>(ids->size()) > model::length_max(decoder))
      return bad_tokens("sequence " + std::to_string(i) + " has " + std::to_string(ids->size()) + " ids; this model takes at most " +
                        std::to_string(model::length_max(decoder)));
    sequences.push_back(std::move(*ids));
  }
  return sequences;
}

using AllLogits = std::vector<std::vector<float>>;

// Of each token: logits, or the last hidden states of a model without a head.
std::int64_t width_of(const checkpoint::Decoder& d) { return d.has_head ? d.vocab_size : d.hidden_size; }

void add_sequence(const Loaded& loaded, const Ids& ids, model::Workspace& workspace, std::vector<float>& out) {
  const std::int64_t width = width_of(loaded.base.decoder);
  const model::Batch batch = model::make_batch_for_logits(ids);
  out.resize(ids.size() * static_cast<std::size_t>(width));
  const auto copy = [&](std::int64_t first, std::int64_t rows, const float* chunk) {
    std::memcpy(out.data() + first * width, chunk, static_cast<std::size_t>(rows * width) * sizeof(float));
  };
  model::forward(loaded.network, batch, {}, workspace);
  if (loaded.base.decoder.has_head)
    model::logits(loaded.network, batch, workspace, copy);
  else
    model::hidden_states(loaded.network, batch, workspace, copy);
}

Result<AllLogits> compute(const Loaded& loaded, const std::vector<Ids>& sequences, bool bfloat16) {
  const std::int64_t width = width_of(loaded.base.decoder);
  const model::LoraLayout* lora = loaded.trainable ? loaded.trainable->lora_layout() : nullptr;
  std::size_t values = 0, longest = 1;
  for (const Ids& ids : sequences) {
    values += ids.size() * static_cast<std::size_t>(width);
    longest = std::max(longest, ids.size());
  }
  if (auto fits = checkpoint::check_memory(values * sizeof(float), "the logits"); !fits) return fits.error();
  auto workspace = model::make_workspace(loaded.base.decoder, lora,
                                         {.tokens = static_cast<std::int64_t>(longest),
                                          .bfloat16 = bfloat16,
                                          .stored_weights = loaded.storage != checkpoint::BaseStorage::f32});
  if (!workspace) return workspace.error();
  AllLogits all;
  for (const Ids& ids : sequences) add_sequence(loaded, ids, *workspace, all.emplace_back());
  return all;
}

Result<void> write(const std::filesystem::path& path, const AllLogits& all, const checkpoint::Decoder& decoder) {
  const std::int64_t width = width_of(decoder);
  const std::string name = decoder.has_head ? "logits." : "hidden.";
  std::map<std::string, checkpoint::TensorToWrite> tensors;
  for (std::size_t i = 0; i < all.size(); ++i)
    tensors[name + std::to_string(i)] = {{static_cast<std::int64_t>(all[i].size()) / width, width}, all[i]};
  return checkpoint::write_safetensors(path, tensors);
}

Result<void> run(const LogitsOptions& options) {
  const bool bfloat16 = options.dtype == "bf16";
  if (!bfloat16 && options.dtype != "f32") return invalid("--dtype " + options.dtype + " must be f32 or bf16", "dtype");
  const auto storage = base_storage_of(options.base_storage);
  if (!storage) return storage.error();
  if (bfloat16 && *storage != checkpoint::BaseStorage::f32)
    return invalid("--dtype bf16 rounds the weights itself; leave --base-storage out", "base_storage");
  const auto decoder = checkpoint::read_decoder(options.model);
  if (!decoder) return decoder.error();
  const auto sequences = parse_tokens(options.tokens, *decoder);
  if (!sequences) return sequences.error();
  auto loaded = load(options.model, options.adapter, model::Keep::values, *storage);
  if (!loaded) return loaded.error();
  if (bfloat16) {
    model::round_weights(loaded->base.weights);
    model::round_inputs(loaded->network);
  }
  const auto all = compute(*loaded, *sequences, bfloat16);
  if (!all) return all.error();
  return write(options.out, *all, *decoder);
}

}  // namespace

int logits(const LogitsOptions& options, std::ostream&, std::ostream& err) {
  use_threads(options.threads);
  const auto done = run(options);
  return done ? exit_done : refuse(err, done.error());
}

}  // namespace luthier::train
