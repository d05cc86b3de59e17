// Models, and the adapters nested in them. An adapter has a row of its own; the document of a model has the adapters' rows in it.
// So has the spec, which is long and seldom changes, while each event of an adapter changes its model's row.
#include "events/json/value.hpp"
#include "events/world/world.hpp"
#include "projections/model_providers.hpp"
#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

struct ModelRow : RowHead {
  std::string description, fileset, base_model, created_by_job;
  std::optional<std::string> finetuning_type;  // of a model that a job has made
  JsonText details{"{}"};
  bool spec_is_given = false;  // the spec in the details was said later than the one that was read
  std::string spec_error;
  static constexpr auto fields() {
    return row_fields(field("description", &ModelRow::description),
                      field("fileset", &ModelRow::fileset),
                      field("base_model", &ModelRow::base_model),
                      field("created_by_job", &ModelRow::created_by_job),
                      field("finetuning_type", &ModelRow::finetuning_type),
                      field("details", &ModelRow::details),
                      field("spec_is_given", &ModelRow::spec_is_given),
                      field("spec_error", &ModelRow::spec_error));
  }
};

struct AdapterRow : RowHead {
  std::string description, model, fileset, fileset_id;
  std::int64_t fileset_version = 0;
  std::string finetuning_type;
  bool enabled = false;
  LoraShape lora;
  std::string created_by_job, served_name;
  static constexpr auto fields() {
    return row_fields(field("description", &AdapterRow::description),
                      field("model", &AdapterRow::model),
                      field("fileset", &AdapterRow::fileset),
                      field("fileset_id", &AdapterRow::fileset_id),
                      field("fileset_version", &AdapterRow::fileset_version),
                      field("finetuning_type", &AdapterRow::finetuning_type),
                      field("enabled", &AdapterRow::enabled),
                      field("lora", &AdapterRow::lora),
                      field("created_by_job", &AdapterRow::created_by_job),
                      field("served_name", &AdapterRow::served_name));
  }
};

// "nested/default/smol/capitals": which adapters a model has.
std::string nested_in(std::string_view workspace, std::string_view model) {
  return std::string("nested/").append(workspace).append("/").append(model).append("/");
}

// "nested/default/smol": it has an adapter, or had one. Most models have none, and are read without a scan.
std::string has_nested(std::string_view workspace, std::string_view model) { return row_key("nested", workspace, model); }

// The spec that was read; there is none until the checkpoint has been.
std::string spec_key(std::string_view workspace, std::string_view model) { return row_key("spec", workspace, model); }

// The text of the spec that the details have; "null" when they have none.
std::string given_spec(const JsonText& details) {
  const auto parsed = json::parse(details.text);
  const json::Value* spec = parsed ? parsed->find("spec") : nullptr;
  std::string text;
  json::append(text, spec ? *spec : json::Value{});
  return text;
}

class ModelFold : public Fold<ModelRow> {
 public:
  static constexpr std::string_view entity = "model";
  template <class Fact>
  static constexpr bool follows = false;

  ModelFold(Table& table, const log::Record& record) : Fold(table, record, entity) {}

  void on(const ModelCreated& created) {
    ModelRow row = this->created();
    row.description = created.description;
    row.fileset = created.fileset;
    row.base_model = created.base_model;
    row.created_by_job = created.created_by_job;
    if (!created.created_by_job.empty()) row.finetuning_type = "all_weights";
    put(std::move(row));
  }

  void on(const ModelUpdated& updated) {
    change([&](ModelRow& row) {
      if (row.fileset != updated.fileset) {
        table_.erase(spec_key(record_.workspace, record_.name));
        row.spec_error.clear();
      }
      row.fileset = updated.fileset;
      row.description = updated.description;
    });
  }

  void on(const ModelDetailsSet& set) {
    change([&](ModelRow& row) {
      const auto spec = given_spec(set.details);
      if (spec != given_spec(row.details)) row.spec_is_given = spec != "null";
      row.details = set.details;
    });
  }

  void on(const ModelSpecFilled& filled) {
    change([&](ModelRow& row) {
      table_.put(spec_key(record_.workspace, record_.name), filled.spec.text);
      row.spec_is_given = false;
      row.spec_error.clear();
    });
  }

  void on(const ModelSpecFailed& failed) {
    change([&](ModelRow& row) {
      table_.erase(spec_key(record_.workspace, record_.name));
      row.spec_error = failed.error;
    });
  }

  void on(const ModelDeleted&) {
    table_.erase(has_nested(record_.workspace, record_.name));
    table_.erase(spec_key(record_.workspace, record_.name));
    erase();
  }

  void on(const AdapterCreated& created) {
    AdapterRow row;
    const auto name = name_of(created.adapter);
    row.id = created.adapter_id;
    row.workspace = name.first;
    row.name = name.second;
    row.created_at = time_;
    row.description = created.description;
    row.model = record_.workspace + "/" + record_.name;
    row.fileset = created.fileset;
    row.fileset_id = created.fileset_id;
    row.fileset_version = created.fileset_version;
    row.finetuning_type = created.finetuning_type;
    row.enabled = created.enabled;
    row.lora = created.lora;
    row.created_by_job = created.created_by_job;
    row.served_name = served_name(record_.workspace, created.adapter);
    put(adapter_key(created.adapter), std::move(row));
    table_.put(nested_in(record_.workspace, record_.name) + created.adapter, "");
    table_.put(has_nested(record_.workspace, record_.name), "");
    touch_model();
  }

  void on(const AdapterUpdated& updated) {
    change_adapter(updated.adapter, [&](AdapterRow& row) {
      row.fileset = updated.fileset;
      row.fileset_id = updated.fileset_id;
      row.fileset_version = updated.fileset_version;
      row.description = updated.description;
      row.lora = updated.lora;
    });
  }

  void on(const AdapterEnabled& enabled) {
    change_adapter(enabled.adapter, [](AdapterRow& row) { row.enabled = true; });
  }
  void on(const AdapterDisabled& disabled) {
    change_adapter(disabled.adapter, [](AdapterRow& row) { row.enabled = false; });
  }

  void on(const AdapterDeleted& deleted) {
    table_.erase(adapter_key(deleted.adapter));
    table_.erase(nested_in(record_.workspace, record_.name) + deleted.adapter);
    touch_model();
  }

 private:
  // An adapter may live in another workspace than its model: the event then has "workspace/name".
  World::Name name_of(const std::string& adapter) const {
    return parse_reference(adapter, record_.workspace).value_or(World::Name{record_.workspace, adapter});
  }
  std::string adapter_key(const std::string& adapter) const {
    const auto name = name_of(adapter);
    return row_key("adapter", name.first, name.second);
  }

  // An adapter's events are in the stream of its model, whose version they move on.
  void touch_model() {
    change([](ModelRow&) {});
  }

  void change_adapter(const std::string& adapter, const std::function<void(AdapterRow&)>& by) {
    auto row = read<AdapterRow>(adapter_key(adapter));
    if (!row)
      return table_.report({ErrorCode::corrupt, "the row of adapter " + adapter + " is missing at position " +
                                                    std::to_string(record_.position), {}});
    by(*row);
    put(adapter_key(adapter), std::move(*row));
    touch_model();
  }
};

void apply(Table& table, const log::Record& record, const Event& event) {
  fold(ModelFold(table, record), event);
  follow_providers(table, record, event);
}

std::string adapters_of(const TableView& table, const std::string& workspace, std::string_view model) {
  std::string adapters = "[";
  if (!table.get(has_nested(workspace, model))) return adapters += ']';
  const std::string prefix = nested_in(workspace, model);
  table.scan(prefix, "", [&](const std::string& key, const std::string&) {
    if (adapters.size() > 1) adapters += ',';
    const auto name = parse_reference(key.substr(prefix.size()), workspace);
    adapters += name ? table.get(row_key("adapter", name->first, name->second)).value_or("null") : "null";
    return true;
  });
  return adapters += ']';
}

std::string document(const TableView& table, const RowName& name, const std::string& row) {
  if (name.entity != "model") return row;
  const std::string workspace(name.workspace), model(name.name);
  auto document = with_member(row, "spec", table.get(spec_key(workspace, model)).value_or("null"));
  document = with_member(document, "providers", providers_of(table, workspace, model));
  return with_member(document, "adapters", adapters_of(table, workspace, model));
}

}  // namespace

const Projection models{"models", 4, {"model", "adapter"}, &apply, &document};

}  // namespace luthier::projections
