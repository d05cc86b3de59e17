// Texts to vectors (pool.hpp), without a server.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/serve/lora.hpp"
#include "gpu/serve/network.hpp"
#include "gpu/serve/text_kind.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::serve {

// Used by one thread at a time.
class Embedder {
 public:
  static Result<std::unique_ptr<Embedder>> load(const std::filesystem::path& model, int threads, WeightsKept kept = WeightsKept::as_stored);

  // From here on. The prefixes stay the base's.
  Result<void> use_adapter(const std::filesystem::path& directory);

  Result<std::vector<float>> embed(std::string_view text, TextKind kind = TextKind::plain);

 private:
  Embedder() = default;
  text::Tokenizer tokenizer_;
  std::unique_ptr<Team> team_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<LoadedAdapter> adapter_;  // nullptr: the model alone
};

}  // namespace luthier::serve
