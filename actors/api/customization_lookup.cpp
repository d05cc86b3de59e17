#include "actors/api/customization_lookup.hpp"

#include <algorithm>

#include "actors/api/customization_names.hpp"
#include "events/record/key.hpp"

namespace luthier::api {

using namespace rest;

namespace {

std::pair<std::string, std::string> split(const std::string& reference) {
  const auto slash = reference.find('/');
  return {reference.substr(0, slash), reference.substr(slash + 1)};
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// A workspace that is there and hidden from this caller is forbidden; one that is not there has nothing to be found.
std::optional<Answer> hidden(const Context& context, const std::string& workspace, const std::string& what) {
  if (context.sees_workspace(workspace)) return std::nullopt;
  const auto document = context.services.documents.get("workspace", "system", workspace);
  if (document && !document->row.value("deleting", false)) return detail(403, "you may not use " + what);
  return std::nullopt;
}

// Of the files that a fileset is to be fetched from, as far as the fileset says.
std::string source_of(const Json& fileset) {
  const auto* details = find_member(fileset, "details");
  const auto* storage = details ? find_member(*details, "storage") : nullptr;
  return storage ? dump(*storage) : "";
}

std::int64_t bytes_of(const Json& fileset) {
  const auto* size = find_member(fileset, "size_bytes");
  return size && size->is_number_integer() ? size->get<std::int64_t>() : 0;
}

std::optional<std::int64_t> experts_of(const Json& spec) {
  const auto* mixture = spec.is_object() ? find_member(spec, "moe_config") : nullptr;
  const auto* count = mixture && mixture->is_object() ? find_member(*mixture, "num_experts") : nullptr;
  return count && count->is_number_integer() ? std::optional(count->get<std::int64_t>()) : std::nullopt;
}

}  // namespace

Json row_of(const Context& context, const std::string& entity, const std::string& workspace, const std::string& name) {
  const auto text = context.services.platform.read_models().get(entity, workspace, name);
  if (!text || !*text) return nullptr;
  auto row = Json::parse(**text, nullptr, false);
  return row.is_object() ? std::move(row) : Json(nullptr);
}

std::optional<Answer> missing_model(const Context& context, const std::string& reference) {
  const auto [workspace, name] = split(full_reference(reference, context.workspace()));
  if (auto refusal = hidden(context, workspace, "model " + workspace + "/" + name)) return refusal;
  if (!row_of(context, "model", workspace, name).is_null()) return std::nullopt;
  return detail(422, "model entity " + workspace + "/" + name + " not found");
}

Or<ModelFound> find_base_model(const Context& context, const std::string& reference) {
  if (auto refusal = missing_model(context, reference)) return *refusal;
  const std::string full = full_reference(reference, context.workspace());
  const auto [workspace, name] = split(full);
  ModelFound found;
  found.row = row_of(context, "model", workspace, name);
  found.facts.reference = full;
  const auto fileset_reference = text_or_empty(found.row, "fileset");
  if (fileset_reference.empty())
    return detail(422, "model " + full + " has no fileset, and so nothing that could be trained: give it a fileset with a checkpoint");
  const auto [fileset_workspace, fileset_name] = split(full_reference(fileset_reference, workspace));
  const Json fileset = row_of(context, "fileset", fileset_workspace, fileset_name);
  const auto& spec = found.row["spec"];
  const std::string checkpoint = spec.is_object() ? spec.value("checkpoint_model_name", "") : "";
  const std::string names = lower(name + "\n" + fileset_reference + "\n" + source_of(fileset) + "\n" + checkpoint);
  if (names.find("rerank") != names.npos || checkpoint.ends_with("ForSequenceClassification"))
    return detail(422, "model " + full + " is a re-ranking model, which cannot be fine-tuned; use an embedding model for retrieval, "
                       "or re-rank in the application");
  // By its names, as the contract has it; or the checkpoint itself says how its hidden states become a text's vector.
  found.facts.is_embedding = names.find("embed") != names.npos || (spec.is_object() && spec.contains("pooling"));
  if (spec.is_object()) {
    if (const auto* said = find_member(spec, "is_embedding_model"); said && *said == true) found.facts.is_embedding = true;
    found.facts.parameters = spec.value("base_num_parameters", std::int64_t{0});
    found.facts.experts = experts_of(spec);
  }
  found.bytes = bytes_of(fileset);
  return found;
}

std::optional<Answer> missing_dataset(const Context& context, const std::string& reference) {
  const auto [workspace, name] = split(full_reference(reference, context.workspace()));
  if (auto refusal = hidden(context, workspace, "fileset " + workspace + "/" + name)) return refusal;
  if (!row_of(context, "fileset", workspace, name).is_null()) return std::nullopt;
  return detail(422, "dataset fileset " + name + " not found in workspace " + workspace);
}

std::optional<Answer> missing_project(const Context& context, const Json& project) {
  if (!project.is_string()) return std::nullopt;
  const auto name = project.get<std::string>();
  if (!row_of(context, "record", context.workspace(), events::RecordKey{"project", "", name}.text()).is_null()) return std::nullopt;
  return detail(422, "project " + name + " does not exist in workspace " + context.workspace());
}

std::optional<Answer> missing_profile(const References& references, Backend backend) {
  if (!references.profile || *references.profile == "default") return std::nullopt;
  return detail(422, "execution profile " + references.profile->substr(0, 200) + " of step " + training_step(backend) +
                         " does not exist; \"default\" does");
}

std::optional<Answer> missing_secrets(const Context& context, const Json& spec) {
  const auto& integrations = spec["integrations"];
  if (!integrations.is_object()) return std::nullopt;
  const auto* wandb = find_member(integrations, "wandb");
  const std::string reference = wandb && wandb->is_object() ? text_or_empty(*wandb, "api_key_secret") : "";
  if (reference.empty()) return std::nullopt;
  const auto [workspace, name] = split(full_reference(reference, context.workspace()));
  if (context.sees_workspace(workspace) && !row_of(context, "secret", workspace, name).is_null()) return std::nullopt;
  return detail(409, "secret " + workspace + "/" + name + " not found");
}

}  // namespace luthier::api
