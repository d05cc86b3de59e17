// Models, and the adapters nested in them. An adapter has a row of its own; the document of a model has the adapters' rows in it.
#include "events/world/world.hpp"
#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

struct ModelRow : RowHead {
  std::string description, fileset, base_model, created_by_job;
  std::optional<std::string> finetuning_type;  // of a model that a job has made
  JsonText spec;                               // null until the checkpoint has been read
  std::string spec_error;
  static constexpr auto fields() {
    return row_fields(field("description", &ModelRow::description),
                      field("fileset", &ModelRow::fileset),
                      field("base_model", &ModelRow::base_model),
                      field("created_by_job", &ModelRow::created_by_job),
                      field("finetuning_type", &ModelRow::finetuning_type),
                      field("spec", &ModelRow::spec),
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
        row.spec = {};
        row.spec_error.clear();
      }
      row.fileset = updated.fileset;
      row.description = updated.description;
    });
  }

  void on(const ModelSpecFilled& filled) {
    change([&](ModelRow& row) {
      row.spec = filled.spec;
      row.spec_error.clear();
    });
  }

  void on(const ModelSpecFailed& failed) {
    change([&](ModelRow& row) {
      row.spec = {};
      row.spec_error = failed.error;
    });
  }

  void on(const ModelDeleted&) { erase(); }

  void on(const AdapterCreated& created) {
    AdapterRow row;
    row.id = created.adapter_id;
    row.workspace = record_.workspace;
    row.name = created.adapter;
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
  std::string adapter_key(const std::string& adapter) const { return row_key("adapter", record_.workspace, adapter); }

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

void apply(Table& table, const log::Record& record, const Event& event) { fold(ModelFold(table, record), event); }

std::string document(const TableView& table, std::string_view entity, const std::string& row) {
  if (entity != "model") return row;
  const auto model = json::from_json<ModelRow>(row);
  if (!model) {
    table.report(with_context(model.error(), "reading a row of models"));
    return row;
  }
  const std::string prefix = nested_in(model->workspace, model->name);
  std::string adapters = "[";
  table.scan(prefix, "", [&](const std::string& key, const std::string&) {
    if (adapters.size() > 1) adapters += ',';
    adapters += table.get(row_key("adapter", model->workspace, key.substr(prefix.size()))).value_or("null");
    return true;
  });
  return with_member(row, "adapters", adapters + "]");
}

}  // namespace

const Projection models{"models", 1, {"model", "adapter"}, &apply, &document};

}  // namespace luthier::projections
