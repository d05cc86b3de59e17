// What the verbs share. Internal to the commands.
#pragma once

#include <csignal>
#include <filesystem>
#include <iosfwd>
#include <optional>

#include "events/base/result.hpp"
#include "gpu/model/trainable.hpp"

namespace luthier::train {

// One line on `err`; the exit code for it.
int refuse(std::ostream& err, const Error& error);

void use_threads(int threads);  // 0: as it is

// From here to the end of the process SIGTERM, SIGINT and SIGUSR1 wait to be asked for, in this thread and in those that it starts.
// They stay blocked: one that comes after the last look must not make a finished run end as if it had been killed.
class Signals {
 public:
  Signals();
  std::optional<int> take();  // the next one that has come

 private:
  sigset_t signals_{};
};

// An embedding model has no loss of a next token.
Result<void> check_has_head(const checkpoint::Decoder& decoder, const std::filesystem::path& model);

// A model to be asked, with or without an adapter, and gradients where they are wanted.
struct Loaded {
  checkpoint::Model base;
  checkpoint::Weights rounded;                // with products in bf16, of all weights that are trained
  checkpoint::Adapter adapter;
  std::optional<model::Trainable> trainable;  // the adapter, or with gradients all weights
  model::Network network;
  checkpoint::BaseStorage storage = checkpoint::BaseStorage::f32;
};
Result<Loaded> load(const std::filesystem::path& model, const std::filesystem::path& adapter, model::Keep keep,
                    checkpoint::BaseStorage storage = checkpoint::BaseStorage::f32, bool bfloat16_products = false);

// As it lies in the checkpoint, a base in f32 has no matrix for a product in bf16.
Result<void> check_bfloat16_base(checkpoint::BaseStorage storage, const checkpoint::Decoder& decoder);

// By its name on the command line.
Result<checkpoint::BaseStorage> base_storage_of(const std::string& name);

}  // namespace luthier::train
