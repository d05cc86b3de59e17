// Models, and the adapters nested in them. An adapter has a row of its own as well, since its name is unique in its workspace.
#include "projections/fold.hpp"

namespace luthier::projections {
namespace {

// Changes the adapter's own row and its copy in the model's.
void change_adapter(Rows& rows, const std::string& adapter, const std::function<void(Row&)>& what) {
  rows.change("adapter", adapter, what);
  const auto own = rows.get("adapter", adapter);
  rows.change([&](Row& model) {
    for (auto& each : model["adapters"])
      if (own && each["name"] == adapter) each = *own;
  });
}

}  // namespace

void fold(Rows& rows, const ModelCreated& event) {
  rows.create({{"description", event.description}, {"fileset", event.fileset}, {"base_model", event.base_model},
               {"created_by_job", event.created_by_job}, {"spec", nullptr}, {"spec_error", ""}, {"adapters", Row::array()}});
}

void fold(Rows& rows, const ModelUpdated& event) {
  rows.change([&](Row& row) {
    if (row["fileset"] != event.fileset) {
      row["spec"] = nullptr;
      row["spec_error"] = "";
    }
    row["fileset"] = event.fileset;
    row["description"] = event.description;
  });
}

void fold(Rows& rows, const ModelSpecFilled& event) {
  rows.change([&](Row& row) {
    row["spec"] = Row::parse(event.spec.text);
    row["spec_error"] = "";
  });
}

void fold(Rows& rows, const ModelSpecFailed& event) {
  rows.change([&](Row& row) {
    row["spec"] = nullptr;
    row["spec_error"] = event.error;
  });
}

void fold(Rows& rows, const ModelDeleted&) { rows.erase(); }

void fold(Rows& rows, const AdapterCreated& event) {
  const auto& record = rows.record();
  const Row adapter{{"id", event.adapter_id},
                    {"workspace", record.workspace},
                    {"name", event.adapter},
                    {"model", record.workspace + "/" + record.name},
                    {"description", event.description},
                    {"fileset", event.fileset},
                    {"finetuning_type", event.finetuning_type},
                    {"enabled", event.enabled},
                    {"lora", {{"rank", event.lora.rank}, {"alpha", event.lora.alpha}}},
                    {"created_by_job", event.created_by_job},
                    {"created_at", rows.time()},
                    {"updated_at", rows.time()},
                    {"position", record.position}};
  rows.put("adapter", event.adapter, adapter);
  rows.change([&](Row& model) { model["adapters"].push_back(adapter); });
}

void fold(Rows& rows, const AdapterUpdated& event) {
  change_adapter(rows, event.adapter, [&](Row& row) {
    row["fileset"] = event.fileset;
    row["description"] = event.description;
    row["lora"] = {{"rank", event.lora.rank}, {"alpha", event.lora.alpha}};
  });
}

void fold(Rows& rows, const AdapterEnabled& event) {
  change_adapter(rows, event.adapter, [](Row& row) { row["enabled"] = true; });
}

void fold(Rows& rows, const AdapterDisabled& event) {
  change_adapter(rows, event.adapter, [](Row& row) { row["enabled"] = false; });
}

void fold(Rows& rows, const AdapterDeleted& event) {
  rows.erase("adapter", event.adapter);
  rows.change([&](Row& model) {
    auto& adapters = model["adapters"];
    for (std::size_t i = 0; i < adapters.size(); ++i)
      if (adapters[i]["name"] == event.adapter) return adapters.erase(i), void();
  });
}

}  // namespace luthier::projections
