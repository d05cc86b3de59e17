// A model's spec as the contract spells it, from the record that the reading of the checkpoint left, or from what a caller has said.
#pragma once

#include "actors/rest/schema.hpp"

namespace luthier::api {

enum class SpecSource {
  read,   // of the checkpoint: members of the record that the contract does not name stay hidden
  given,  // by a caller: shown as it was given
};

// Every member of the contract's ModelSpec, null where nothing is known. Layers are many: only a verbose answer has them.
rest::Json shown_spec(const rest::Json& spec, SpecSource source, bool verbose);

// Of requests: each member may be left out, none may be of another kind; what is not declared is kept.
rest::Schema given_spec_schema();

}  // namespace luthier::api
