#include "actors/api/model_list.hpp"

#include <algorithm>
#include <set>

#include "actors/api/model_documents.hpp"
#include "events/record/key.hpp"

namespace luthier::api {

using namespace rest;

namespace {

constexpr const char* lora_settings = "lora_setting";  // documents made of deployment configurations

// A model's adapters are in its document.
class AdaptersOfModel final : public Relation {
 public:
  bool any(std::string_view, const Json& model, const std::function<bool(const Json&)>& fits) const override {
    const auto* adapters = find_member(model, "adapters");
    return adapters && std::any_of(adapters->begin(), adapters->end(), fits);
  }
};

// Of a deployment configuration: which model it is for, and whether its latest version serves adapters.
Json render_lora_setting(const Json& row) {
  Json latest = Json::object();
  if (const auto* versions = find_member(row["data"], "versions"); versions && versions->is_array() && !versions->empty()) latest = versions->back();
  const auto* spec = find_member(latest, "model_spec");
  const auto* enabled = spec ? find_member(*spec, "lora_enabled") : nullptr;
  return {{"model", text_or_empty(latest, "model_entity_id")}, {"lora_enabled", enabled && *enabled == true}, {"created_at", row["created_at"]}};
}

// The models ("ws/name") whose latest configuration has adapters enabled.
std::set<std::string> lora_enabled_models(const Context& context) {
  std::set<std::string> enabled;
  // In the order of their creation: what comes later counts.
  const auto settings = context.services.documents.everywhere(lora_settings, [&](const std::string& workspace) { return context.sees_workspace(workspace); });
  for (const auto& setting : settings) {
    const auto model = full_reference(text_or_empty(setting->body, "model"), text_or_empty(setting->row, "workspace"));
    if (setting->body["lora_enabled"] == true)
      enabled.insert(model);
    else
      enabled.erase(model);
  }
  return enabled;
}

std::vector<DocumentPointer> documents_of(const Context& context, std::string_view kind) {
  auto& documents = context.services.documents;
  if (context.workspace() != "-") return *documents.all(kind, context.workspace());
  return documents.everywhere(kind, [&](const std::string& name) { return context.sees_workspace(name); });
}

}  // namespace

const FilterRules& model_filter() {
  static const FilterRules rules{.fields = {"description", "fileset", "base_model", "base_model.name", "finetuning_type", "prompt", "backend_format"},
                                 .any_data = true,
                                 .presence_fields = {"base_model", "finetuning_type", "prompt"},
                                 .renamed = {{"base_model.name", "base_model"}, {"data.", ""}},
                                 .relations = {"adapters"},
                                 .top_only = {"lora_enabled"}};
  return rules;
}

const Relation& adapters_of_models() {
  static const AdaptersOfModel adapters;
  return adapters;
}

const PageRules& model_pages() {
  static const PageRules rules{.size_default = 100, .size_max = 0, .sorts = {"name", "created_at", "updated_at"}, .sort_default = "created_at",
                               .pages_when_empty = 0, .echoes_filter = false};
  return rules;
}

void declare_lora_settings(Documents& documents) {
  documents.declare({.name = lora_settings, .entity = "record", .key_prefix = events::RecordKey{"deployment_config", "", ""}.text(),
                     .render = render_lora_setting});
}

Answer list_models(Context& context) {
  static const std::vector<QueryField> query_fields{{optional("verbose", boolean(), false), ""}};
  const auto request = parse_page(context.query, model_pages());
  if (const auto* refusal = std::get_if<Answer>(&request)) return *refusal;
  const auto query = read_query(context.query, query_fields);
  if (const auto* refusal = std::get_if<Answer>(&query)) return *refusal;
  const auto filter = parse_filter(context.query, model_filter());
  if (const auto* refusal = std::get_if<Answer>(&filter)) return *refusal;

  const auto& wanted = std::get<Filter>(filter);
  auto models = documents_of(context, std::get<Json>(query)["verbose"] == true ? "verbose_model" : "model");
  if (wanted.equals("lora_enabled")) {
    const auto flag = wanted.equals_flag("lora_enabled");
    if (!flag) return detail(400, "The field lora_enabled is compared with true or false.");
    const auto enabled = lora_enabled_models(context);
    std::erase_if(models, [&](const DocumentPointer& model) {
      return enabled.contains(text_or_empty(model->row, "workspace") + "/" + text_or_empty(model->row, "name")) != *flag;
    });
  }
  return page_answer(rows_of(models), wanted, std::get<PageRequest>(request), &adapters_of_models());
}

}  // namespace luthier::api
