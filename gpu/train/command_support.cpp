#include "gpu/train/command_support.hpp"

#include <algorithm>
#include <ctime>
#include <ostream>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/model/rounded_weights.hpp"
#include "gpu/train/commands.hpp"

namespace luthier::train {

int refuse(std::ostream& err, const Error& error) {
  std::string line = error.message;
  std::replace_if(line.begin(), line.end(), [](unsigned char c) { return c < ' '; }, ' ');
  err << "luthier: " << line << std::endl;
  return exit_bad_input;
}

void use_threads(int threads) {
  if (threads > 0) kernels::set_thread_count(threads);
}

Signals::Signals() {
  sigemptyset(&signals_);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

std::optional<int> Signals::take() {
  const timespec no_wait{};
  const int signal = sigtimedwait(&signals_, nullptr, &no_wait);
  return signal > 0 ? std::optional(signal) : std::nullopt;
}

Result<void> check_has_head(const checkpoint::Decoder& decoder, const std::filesystem::path& model) {
  if (decoder.has_head) return {};
  return invalid(model.string() + ": a " + decoder.architecture + " has no output head, so it has no loss of a next token; luthier embed runs it",
                 "model");
}

Result<checkpoint::BaseStorage> base_storage_of(const std::string& name) {
  if (const auto storage = checkpoint::base_storage_of(name)) return *storage;
  return invalid("--base-storage " + name + " must be f32, bf16, int8, nf4 or as_stored", "base_storage");
}

Result<void> check_bfloat16_base(checkpoint::BaseStorage storage, const checkpoint::Decoder& decoder) {
  using checkpoint::BaseStorage;
  if (storage != BaseStorage::as_stored || checkpoint::weight_bytes(decoder, storage).kept < checkpoint::weight_bytes(decoder, BaseStorage::f32).kept) return {};
  return invalid("base_storage \"as_stored\" keeps this checkpoint as f32, and dtype \"bf16\" multiplies with what is kept in fewer bits; base_storage \"bf16\" would do",
                 "base_storage");
}

Result<Loaded> load(const std::filesystem::path& model, const std::filesystem::path& adapter, model::Keep keep,
                    checkpoint::BaseStorage storage, bool bfloat16_products) {
  Loaded loaded;
  loaded.storage = storage;
  auto decoder = checkpoint::read_decoder(model);
  if (!decoder) return decoder.error();
  if (!adapter.empty()) {
    auto read = checkpoint::load_adapter(adapter, *decoder);
    if (!read) return read.error();
    loaded.adapter = std::move(*read);
  }
  auto base = checkpoint::load_model(model, 0, storage);
  if (!base) return base.error();
  loaded.base = std::move(*base);
  if (!adapter.empty() || keep != model::Keep::values) {
    auto trainable = adapter.empty() ? model::Trainable::full(loaded.base.decoder, loaded.base.weights, keep)
                                     : model::Trainable::lora(loaded.base.decoder, loaded.adapter, keep);
    if (!trainable) return trainable.error();
    loaded.trainable = std::move(*trainable);
  }
  model::Products products{.bfloat16 = bfloat16_products};
  if (bfloat16_products && storage == checkpoint::BaseStorage::f32) {
    auto rounded = model::allocate_rounded(loaded.base.decoder);
    if (!rounded) return rounded.error();
    loaded.rounded = std::move(*rounded);
    model::round_into(loaded.base.weights, loaded.rounded);
    products.rounded = &loaded.rounded;
  }
  auto network = loaded.trainable ? loaded.trainable->bind(loaded.base.decoder, loaded.base.weights, products)
                                  : model::bind(loaded.base.decoder, {.weights = &loaded.base.weights, .bfloat16_products = products.bfloat16, .rounded = products.rounded});
  if (!network) return network.error();
  loaded.network = std::move(*network);
  return loaded;
}

}  // namespace luthier::train
