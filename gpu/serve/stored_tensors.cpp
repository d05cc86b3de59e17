#include "gpu/serve/stored_tensors.hpp"

#include <optional>
#include <utility>

#include "gpu/checkpoint/gguf_decoder.hpp"
#include "gpu/checkpoint/gguf_names.hpp"
#include "gpu/checkpoint/hub_directory.hpp"
#include "gpu/checkpoint/hub_weights.hpp"
#include "gpu/checkpoint/locate.hpp"
#include "gpu/checkpoint/mapped_file.hpp"

namespace luthier::serve {

struct StoredTensors::Parts {
  checkpoint::Decoder decoder;
  checkpoint::Weights::Shapes shapes;
  std::optional<checkpoint::GgufFile> gguf;      // one of the two
  std::optional<checkpoint::HubDirectory> hub;
};

namespace {

using checkpoint::StoredKind;
using checkpoint::GgufTensor;

StoredKind kind_of(const checkpoint::Decoder& decoder, const std::string& name) {
  const auto found = decoder.stored.of.find(name);
  return found == decoder.stored.of.end() ? StoredKind::f32 : found->second;
}

// nullptr: it is not a tensor of its own in the file, but one of many experts.
const GgufTensor* whole_tensor(const checkpoint::GgufFile& file, const checkpoint::Decoder& decoder, const std::string& name) {
  const auto stored = checkpoint::gguf_tensor(decoder, name);
  const auto found = file.tensors().find(stored.name);
  return stored.experts > 0 || found == file.tensors().end() ? nullptr : &found->second;
}

// llama.cpp has the rows of queries and keys of some families in another order.
bool may_be_reordered(const std::string& name) { return name.find("q_proj") != std::string::npos || name.find("k_proj") != std::string::npos; }

}  // namespace

StoredTensors::StoredTensors(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
StoredTensors::~StoredTensors() = default;
StoredTensors::StoredTensors(StoredTensors&&) noexcept = default;
const checkpoint::Decoder& StoredTensors::decoder() const { return parts_->decoder; }
const checkpoint::Weights::Shapes& StoredTensors::shapes() const { return parts_->shapes; }

Result<StoredTensors> StoredTensors::open(const std::filesystem::path& path) {
  const auto found = checkpoint::locate_checkpoint(path);
  if (!found) return found.error();
  auto parts = std::make_unique<Parts>();
  std::error_code ignored;
  if (std::filesystem::is_directory(*found, ignored)) {
    auto decoder = checkpoint::read_decoder(*found);
    if (!decoder) return decoder.error();
    auto directory = checkpoint::HubDirectory::open(*found);
    if (!directory) return directory.error();
    parts->decoder = std::move(*decoder);
    parts->hub = std::move(*directory);
  } else {
    auto file = checkpoint::GgufFile::open(*found);
    if (!file) return file.error();
    auto decoder = checkpoint::read_gguf_decoder(*file);
    if (!decoder) return decoder.error();
    parts->decoder = std::move(*decoder);
    parts->gguf = std::move(*file);
  }
  parts->shapes = checkpoint::weight_shapes(parts->decoder);
  return StoredTensors(std::move(parts));
}

Storage StoredTensors::storage(const std::string& name) const {
  const auto kind = kind_of(parts_->decoder, name);
  if (kind == StoredKind::bf16 || kind == StoredKind::mxfp4) return Storage::bf16;  // MXFP4: two bits of a fraction and a power of two
  return kind == StoredKind::f16 ? Storage::f16 : Storage::f32;
}

const std::byte* StoredTensors::halves(const std::string& name) const {
  if (const auto kind = kind_of(parts_->decoder, name); kind != StoredKind::bf16 && kind != StoredKind::f16) return nullptr;
  if (parts_->hub) {
    const auto* tensor = parts_->hub->find(name).tensor;
    return tensor != nullptr && tensor->shape.size() == 2 ? tensor->bytes.data() : nullptr;
  }
  const auto* tensor = whole_tensor(*parts_->gguf, parts_->decoder, name);
  return tensor != nullptr && tensor->shape.size() == 2 && !may_be_reordered(name) ? tensor->bytes.data() : nullptr;
}

Result<checkpoint::Weights> StoredTensors::read(const checkpoint::Weights::Shapes& some) const {
  auto weights = checkpoint::Weights::allocate(some);
  if (!weights) return weights;
  const auto done = parts_->gguf ? checkpoint::read_gguf_weights(*parts_->gguf, parts_->decoder, *weights)
                                 : checkpoint::read_hub_weights(*parts_->hub, *weights);
  if (!done) return done.error();
  return weights;
}

void StoredTensors::let_go(const std::string& name) const {
  if (const auto* tensor = parts_->hub ? parts_->hub->find(name).tensor : nullptr) checkpoint::let_go(tensor->bytes);
  if (const auto* tensor = parts_->gguf ? whole_tensor(*parts_->gguf, parts_->decoder, name) : nullptr) checkpoint::let_go(tensor->bytes);
}

}  // namespace luthier::serve
