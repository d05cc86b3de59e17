// Platform jobs with their steps, tasks and results, each in the order of its creation.
#include <algorithm>

#include "events/platform_job/details.hpp"
#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

struct PlatformTaskRow {
  std::string name, status;
  JsonText status_details{"{}"}, error_details{"{}"};
  std::optional<std::string> error_stack;
  std::string created_at, updated_at;
  static constexpr auto fields() {
    return field_list(field("name", &PlatformTaskRow::name),
                      field("status", &PlatformTaskRow::status),
                      field("status_details", &PlatformTaskRow::status_details),
                      field("error_details", &PlatformTaskRow::error_details),
                      field("error_stack", &PlatformTaskRow::error_stack),
                      field("created_at", &PlatformTaskRow::created_at),
                      field("updated_at", &PlatformTaskRow::updated_at));
  }
};

struct PlatformStepRow {
  std::string name, status;
  JsonText status_details{"{}"}, error_details{"{}"};
  std::string created_at, created_by, updated_at, updated_by;
  std::vector<PlatformTaskRow> tasks;
  static constexpr auto fields() {
    return field_list(field("name", &PlatformStepRow::name),
                      field("status", &PlatformStepRow::status),
                      field("status_details", &PlatformStepRow::status_details),
                      field("error_details", &PlatformStepRow::error_details),
                      field("created_at", &PlatformStepRow::created_at),
                      field("created_by", &PlatformStepRow::created_by),
                      field("updated_at", &PlatformStepRow::updated_at),
                      field("updated_by", &PlatformStepRow::updated_by),
                      field("tasks", &PlatformStepRow::tasks));
  }
};

struct ResultRow {
  std::string name, artifact_url, artifact_storage_type, created_at, updated_at;
  static constexpr auto fields() {
    return field_list(field("name", &ResultRow::name), field("artifact_url", &ResultRow::artifact_url),
                      field("artifact_storage_type", &ResultRow::artifact_storage_type), field("created_at", &ResultRow::created_at),
                      field("updated_at", &ResultRow::updated_at));
  }
};

struct PlatformJobRow : RowHead {
  std::string source, description, project, status, fileset_id;
  JsonText spec, platform_spec, details{"{}"}, status_details{"{}"}, error_details;
  std::vector<PlatformStepRow> steps;
  std::vector<ResultRow> results;
  static constexpr auto fields() {
    return row_fields(field("source", &PlatformJobRow::source),
                      field("description", &PlatformJobRow::description),
                      field("project", &PlatformJobRow::project),
                      field("status", &PlatformJobRow::status),
                      field("fileset_id", &PlatformJobRow::fileset_id),
                      field("spec", &PlatformJobRow::spec),
                      field("platform_spec", &PlatformJobRow::platform_spec),
                      field("details", &PlatformJobRow::details),
                      field("status_details", &PlatformJobRow::status_details),
                      field("error_details", &PlatformJobRow::error_details),
                      field("steps", &PlatformJobRow::steps),
                      field("results", &PlatformJobRow::results));
  }
};

void merge(JsonText& details, const std::optional<JsonText>& patch) {
  if (patch) details = with_members(details, *patch);
}

// The one of that name; made when it is not there yet.
template <class Row>
Row& named(std::vector<Row>& rows, const std::string& name, const std::string& time) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
  if (found != rows.end()) return *found;
  Row row;
  row.name = name;
  row.created_at = time;
  return rows.emplace_back(std::move(row));
}

class PlatformJobFold : public Fold<PlatformJobRow> {
 public:
  static constexpr std::string_view entity = "platform_job";
  template <class Fact>
  static constexpr bool follows = is_one_of<Fact, WorkspaceDeleted>;

  PlatformJobFold(Table& table, const log::Record& record) : Fold(table, record, entity) {}

  void on(const PlatformJobCreated& created) {
    PlatformJobRow row = this->created();
    row.source = created.source;
    row.description = created.description;
    row.project = created.project;
    row.status = "created";
    row.fileset_id = created.fileset_id;
    row.spec = created.spec;
    row.platform_spec = created.platform_spec;
    row.details = created.details;
    put(std::move(row));
  }

  void on(const PlatformStepCreated& created) {
    change([&](PlatformJobRow& row) {
      PlatformStepRow& step = touched(row, created.step);
      step.status = "created";
      step.created_by = step.updated_by;
    });
  }

  void on(const PlatformStepStatusSet& set) {
    change([&](PlatformJobRow& row) {
      PlatformStepRow& step = touched(row, set.step);
      step.status = set.status;
      merge(step.status_details, set.status_details);
      if (set.error_details) step.error_details = *set.error_details;
    });
  }

  void on(const PlatformJobStatusSet& set) {
    change([&](PlatformJobRow& row) {
      row.status = set.status;
      if (set.error_details) row.error_details = *set.error_details;
    });
  }

  void on(const PlatformTaskPut& put) {
    change([&](PlatformJobRow& row) {
      PlatformTaskRow& task = named(touched(row, put.step).tasks, put.task, time_);
      task.updated_at = time_;
      task.status = put.status;
      merge(task.status_details, put.status_details);
      merge(row.status_details, put.status_details);
      if (put.error_details) task.error_details = *put.error_details;
      if (put.error_stack) task.error_stack = *put.error_stack;
    });
  }

  void on(const PlatformJobDetailsMerged& merged) {
    change([&](PlatformJobRow& row) { merge(row.status_details, merged.status_details); });
  }

  void on(const PlatformJobResultPut& put) {
    change([&](PlatformJobRow& row) {
      ResultRow& result = named(row.results, put.result, time_);
      result.artifact_url = put.artifact_url;
      result.artifact_storage_type = put.artifact_storage_type;
      result.updated_at = time_;
    });
  }

  void on(const PlatformJobDeleted&) { erase(); }
  // The jobs go with their workspace.
  void on(const WorkspaceDeleted&) { erase_all(table_, rows_of(entity, record_.name)); }

 private:
  PlatformStepRow& touched(PlatformJobRow& row, const std::string& name) const {
    PlatformStepRow& step = named(row.steps, name, time_);
    step.updated_at = time_;
    step.updated_by = record_.command.principal;
    return step;
  }
};

void apply(Table& table, const log::Record& record, const Event& event) { fold(PlatformJobFold(table, record), event); }

}  // namespace

const Projection platform_jobs{"platform_jobs", 1, {"platform_job"}, &apply, &as_it_is};

}  // namespace luthier::projections
