// Keys:
//
//   deployed/<workspace>/<deployment>                  the model that it is of
//   served/<workspace>/<provider>                      the models that a provider says it serves, one a line
//   serves/<workspace>/<model>/<source>/<ws>/<name>    the provider, "ws/name"; the source is a deployment or a provider's record
//   serves/<workspace>/<model>                         somebody serves it, or has; nobody does most, which are read without a scan
#include "projections/model_providers.hpp"

#include <set>
#include <sstream>

#include "events/json/value.hpp"
#include "events/record/key.hpp"
#include "events/world/world.hpp"

namespace luthier::projections {
namespace {

using namespace events;

constexpr std::size_t served_models_max = 10'000;  // of one provider; what goes beyond is not linked

std::string full(const World::Name& name) { return name.first + "/" + name.second; }
std::string deployed(const World::Name& deployment) { return "deployed/" + full(deployment); }
std::string served(const World::Name& provider) { return "served/" + full(provider); }
std::string is_served(const std::string& model) { return "serves/" + model; }
std::string serves(const std::string& model) { return "serves/" + model + "/"; }
std::string serves(const std::string& model, std::string_view source, const World::Name& by) {
  return serves(model).append(source).append("/").append(full(by));
}

void put_provider(Table& table, const std::string& model, const std::string& key, const std::string& provider) {
  table.put(is_served(model), "");
  table.put(key, provider);
}

void set_serving(Table& table, const World::Name& deployment, bool is_serving, const std::string& provider) {
  const auto model = table.get(deployed(deployment));
  if (!model) return;
  const auto key = serves(*model, "deployment", deployment);
  if (is_serving)
    put_provider(table, *model, key, provider);
  else
    table.erase(key);
}

// The names in data.served_models that are models of ours, not adapters and the like.
std::set<std::string> served_models(const JsonText& data, const std::string& workspace) {
  std::set<std::string> models;
  const auto provider = json::parse(data.text);
  const json::Value* list = provider ? provider->find("served_models") : nullptr;
  if (!list || !list->array()) return models;
  for (const auto& one : *list->array()) {
    const json::Value* id = one.find("model_entity_id");
    const auto name = id && id->text() ? parse_reference(*id->text(), workspace) : std::nullopt;
    if (name && models.size() < served_models_max) models.insert(full(*name));
  }
  return models;
}

void set_served(Table& table, const World::Name& provider, const std::set<std::string>& models) {
  std::istringstream before(table.get(served(provider)).value_or(""));
  for (std::string model; std::getline(before, model);) table.erase(serves(model, "provider", provider));
  std::string lines;
  for (const auto& model : models) {
    put_provider(table, model, serves(model, "provider", provider), full(provider));
    lines += model + "\n";
  }
  if (lines.empty())
    table.erase(served(provider));
  else
    table.put(served(provider), std::move(lines));
}

// The provider that a record is; nothing when it is something else.
std::optional<World::Name> provider_of(const std::string& workspace, const std::string& key) {
  if (!key.starts_with("provider:")) return std::nullopt;
  const auto parsed = parse_record_key(key);
  return parsed ? std::optional(World::Name{workspace, parsed->name}) : std::nullopt;
}

class Following {
 public:
  Following(Table& table, const log::Record& record) : table_(table), name_{record.workspace, record.name} {}

  void on(const DeploymentCreated& created) {
    if (const auto model = parse_reference(created.model, name_.first)) table_.put(deployed(name_), full(*model));
  }
  void on(const DeploymentRevised& revised) {  // perhaps of another model from now on
    set_serving(table_, name_, false, "");
    if (const auto model = parse_reference(revised.model, name_.first)) table_.put(deployed(name_), full(*model));
  }
  void on(const DeploymentReady&) { set_serving(table_, name_, true, full(name_)); }
  void on(const DeploymentStatusSet& set) { set_serving(table_, name_, set.status == "READY", set.provider.value_or(full(name_))); }
  void on(const DeploymentAttemptEnded&) { set_serving(table_, name_, false, ""); }
  void on(const DeploymentFailed&) { set_serving(table_, name_, false, ""); }
  void on(const DeploymentDeleteRequested&) { set_serving(table_, name_, false, ""); }
  void on(const DeploymentDeleted&) {
    set_serving(table_, name_, false, "");
    table_.erase(deployed(name_));
  }

  void on(const RecordCreated& created) { serve(created.data); }
  void on(const RecordUpdated& updated) { serve(updated.data); }
  void on(const RecordDeleted&) { serve({}); }
  void on(const RecordRenamed& renamed) {
    const auto from = provider_of(name_.first, name_.second), to = provider_of(name_.first, renamed.to);
    if (!from || !to) return;
    const auto lines = table_.get(served(*from)).value_or("");
    std::set<std::string> models;
    std::istringstream text(lines);
    for (std::string model; std::getline(text, model);) models.insert(model);
    set_served(table_, *from, {});
    set_served(table_, *to, models);
  }

 private:
  void serve(const JsonText& data) {
    if (const auto provider = provider_of(name_.first, name_.second)) set_served(table_, *provider, served_models(data, name_.first));
  }

  Table& table_;
  const World::Name name_;
};

template <class E>
concept Followed = requires(Following following, const E& event) { following.on(event); };

}  // namespace

void follow_providers(Table& table, const log::Record& record, const Event& event) {
  std::visit(
      [&](const auto& one) {
        if constexpr (Followed<std::decay_t<decltype(one)>>) Following(table, record).on(one);
      },
      event);
}

std::string providers_of(const TableView& table, const std::string& workspace, const std::string& model) {
  std::set<std::string> providers;
  if (!table.get(is_served(workspace + "/" + model))) return "[]";
  table.scan(serves(workspace + "/" + model), "", [&](const std::string&, const std::string& provider) {
    providers.insert(provider);
    return true;
  });
  std::string list = "[";
  for (const auto& provider : providers) {
    if (list.size() > 1) list += ',';
    json::append(list, provider);
  }
  return list + "]";
}

}  // namespace luthier::projections
