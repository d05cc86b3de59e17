// A checkpoint's tensors, read one at a time, for a model that is kept in an order of its own: it is never there as f32 as a whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "events/base/result.hpp"
#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/serve/panels.hpp"

namespace luthier::serve {

// Of one thread, but for halves(), which any may ask for.
class StoredTensors {
 public:
  // Refuses what checkpoint::load_model refuses; no tensor is read.
  static Result<StoredTensors> open(const std::filesystem::path& path);
  ~StoredTensors();
  StoredTensors(StoredTensors&&) noexcept;

  const checkpoint::Decoder& decoder() const;
  const checkpoint::Weights::Shapes& shapes() const;

  // What a tensor can be kept as without a change: bf16 or f16 when it is stored so, MXFP4 as bf16, anything else f32.
  Storage storage(const std::string& name) const;
  // Its 16-bit values, row by row as they lie in the file; nullptr: they do not lie so.
  const std::byte* halves(const std::string& name) const;
  // Some of the tensors, as f32.
  Result<checkpoint::Weights> read(const checkpoint::Weights::Shapes& some) const;
  // Its pages of the file are not needed any more.
  void let_go(const std::string& name) const;

 private:
  struct Parts;
  explicit StoredTensors(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::serve
