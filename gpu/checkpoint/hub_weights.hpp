// From the tensors that a Hugging Face directory has to those that a decoder needs.
#pragma once

#include <string>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/hub_directory.hpp"

namespace luthier::checkpoint {

// What all names but the head's begin with: a model that was saved without its head has no prefix.
std::string tensor_prefix_of(const HubDirectory& stored, const Decoder& decoder);

// Tensors that the decoder does not need are left alone, as transformers does: among them are rotary frequencies that
// old versions saved, and an lm_head.weight beside tied embeddings.
Result<void> check_hub_tensors(const HubDirectory& stored, const Weights::Shapes& shapes);

// What most values are stored as: that counts, not what config.json says of it.
std::string hub_dtype(const HubDirectory& stored, const Weights::Shapes& shapes);

// And what each can be kept as without a change.
StoredKinds hub_kinds(const HubDirectory& stored, const Weights::Shapes& shapes);

Result<void> read_hub_weights(const HubDirectory& stored, Weights& weights);

}  // namespace luthier::checkpoint
