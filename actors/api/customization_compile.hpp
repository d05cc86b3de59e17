// From a spec to what the engine is told. Pure: what must be looked up (the model, the names) is an argument. What the engine does
// not have is refused here, naming the member and what works.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/api/customization_schema.hpp"
#include "events/base/result.hpp"

namespace luthier::api {

// What a spec names, as it names it.
struct References {
  std::string model, dataset;
  std::optional<std::string> validation, teacher, profile;
};
References references_of(Backend backend, const rest::Json& spec);

struct ModelFacts {
  std::string reference;       // "ws/name"
  std::int64_t parameters = 0;  // 0: not known yet
  std::optional<std::int64_t> experts;
  bool is_embedding = false;
};

struct Compiled {
  rest::Json config;                            // the engine's training configuration
  rest::Json preparation = rest::Json::object();  // for whoever reads the rows
  bool is_adapter = true;                       // of the output; else a model
  std::int64_t devices = 1;                     // that the job asks for
  std::vector<std::string> warnings;            // what is not as the spec says, or advised
};

// A checked spec, completed with what a schema cannot say: the LoRA defaults of a LoRA job, members of an older spelling.
void fill_in(Backend backend, rest::Json& spec);

// `spec` is filled in. An error is `invalid`, and its message is the whole answer.
Result<Compiled> compile(Backend backend, const rest::Json& spec, const ModelFacts& model);

// What the job will make, as answers show it: spec["output"].
void set_output(Backend backend, const Compiled& compiled, const std::string& hex12, rest::Json& spec);

}  // namespace luthier::api
