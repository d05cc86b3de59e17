// What a fine-tuning job names, looked up before the job is accepted: each is found, or refused as the contract has it.
#pragma once

#include "actors/api/customization_compile.hpp"
#include "actors/api/routes.hpp"

namespace luthier::api {

struct ModelFound {
  rest::Json row;
  ModelFacts facts;
  std::int64_t bytes = 0;  // of its files; 0: not known yet
};

// "ws/name" or a name of the path's workspace. 422 ~not found, 403 when it may not be read, 422 when it cannot be trained.
rest::Or<ModelFound> find_base_model(const Context& context, const std::string& reference);
// The same for any model: a teacher.
std::optional<rest::Answer> missing_model(const Context& context, const std::string& reference);
std::optional<rest::Answer> missing_dataset(const Context& context, const std::string& reference);
std::optional<rest::Answer> missing_project(const Context& context, const rest::Json& project);
std::optional<rest::Answer> missing_profile(const References& references, Backend backend);
std::optional<rest::Answer> missing_secrets(const Context& context, const rest::Json& spec);  // 409

// A row of the read models; null: there is none.
rest::Json row_of(const Context& context, const std::string& entity, const std::string& workspace, const std::string& name);

}  // namespace luthier::api
