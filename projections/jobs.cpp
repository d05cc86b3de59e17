#include <algorithm>

#include "events/base/sha256.hpp"
#include "events/job/attempt.hpp"
#include "projections/job_status.hpp"
#include "projections/projection.hpp"
#include "projections/rows.hpp"

namespace luthier::projections {
namespace {

using namespace events;

// A job may be resumed as often as somebody likes: the last ones are kept.
constexpr std::size_t attempts_max = 100, checkpoints_max = 20;

struct AttemptRow {
  std::int64_t attempt = 0, resumed_from_step = 0;
  std::string worker, incarnation, device, placed_at;
  std::optional<std::string> started_at, ended_at;
  std::string outcome, reason;  // "completed", "failed", "crashed", "lost", "stopped", "cancelled", "paused"; empty while it lasts
  static constexpr auto fields() {
    return field_list(field("attempt", &AttemptRow::attempt),
                      field("resumed_from_step", &AttemptRow::resumed_from_step),
                      field("worker", &AttemptRow::worker),
                      field("incarnation", &AttemptRow::incarnation),
                      field("device", &AttemptRow::device),
                      field("placed_at", &AttemptRow::placed_at),
                      field("started_at", &AttemptRow::started_at),
                      field("ended_at", &AttemptRow::ended_at),
                      field("outcome", &AttemptRow::outcome),
                      field("reason", &AttemptRow::reason));
  }
};

struct CheckpointRow {
  std::int64_t attempt = 0, step = 0;
  std::string at;
  static constexpr auto fields() {
    return field_list(field("attempt", &CheckpointRow::attempt), field("step", &CheckpointRow::step), field("at", &CheckpointRow::at));
  }
};

struct StepRow {
  std::string step, at;
  static constexpr auto fields() { return field_list(field("step", &StepRow::step), field("at", &StepRow::at)); }
};

// JobInputs with the files of the model in one digest.
struct InputsRow {
  std::string model_id, model_fileset_id, dataset_fileset_id, model_digest, dataset_file, dataset_digest;
  std::optional<std::string> validation_file, validation_digest;
  std::int64_t rows = 0, rows_left_out = 0, tokens = 0, supervised_tokens = 0, steps = 0, memory_bytes = 0;
  std::string engine_version;
  static constexpr auto fields() {
    return field_list(field("model_id", &InputsRow::model_id),
                      field("model_fileset_id", &InputsRow::model_fileset_id),
                      field("dataset_fileset_id", &InputsRow::dataset_fileset_id),
                      field("model_digest", &InputsRow::model_digest),
                      field("dataset_file", &InputsRow::dataset_file),
                      field("dataset_digest", &InputsRow::dataset_digest),
                      field("validation_file", &InputsRow::validation_file),
                      field("validation_digest", &InputsRow::validation_digest),
                      field("rows", &InputsRow::rows),
                      field("rows_left_out", &InputsRow::rows_left_out),
                      field("tokens", &InputsRow::tokens),
                      field("supervised_tokens", &InputsRow::supervised_tokens),
                      field("steps", &InputsRow::steps),
                      field("memory_bytes", &InputsRow::memory_bytes),
                      field("engine_version", &InputsRow::engine_version));
  }
};

// Of a distillation. The digest: of its files, once they were read.
struct TeacherRow {
  std::string model, model_id, model_digest;
  static constexpr auto fields() {
    return field_list(field("model", &TeacherRow::model), field("model_id", &TeacherRow::model_id), field("model_digest", &TeacherRow::model_digest));
  }
};

struct JobRow : RowHead {
  std::string description, status, model, dataset, output, method;
  std::optional<std::string> output_kind, output_fileset;  // once it has completed
  std::int64_t priority = 0;
  JsonText config, details{"{}"};
  std::optional<WishedDeployment> deploy;
  bool submitted = false;  // its rows are read after its acceptance, as its first step
  std::optional<std::string> prepared_at;
  InputsRow inputs;
  std::optional<TeacherRow> teacher;
  std::int64_t attempt = 0, attempts_failed = 0, checkpoint_step = 0;
  std::vector<AttemptRow> attempts;
  std::vector<CheckpointRow> checkpoints;
  std::vector<StepRow> steps_finished;
  std::optional<TrainingSummary> summary;
  std::string reason;  // why it failed, was cancelled, or tries again
  std::optional<std::string> started_at, ended_at;
  std::optional<double> waited_seconds;  // from its acceptance to the begin of its first attempt
  static constexpr auto fields() {
    return row_fields(field("description", &JobRow::description),
                      field("status", &JobRow::status),
                      field("model", &JobRow::model),
                      field("dataset", &JobRow::dataset),
                      field("output", &JobRow::output),
                      field("method", &JobRow::method),
                      field("output_kind", &JobRow::output_kind),
                      field("output_fileset", &JobRow::output_fileset),
                      field("priority", &JobRow::priority),
                      field("config", &JobRow::config),
                      field("details", &JobRow::details),
                      field("deploy", &JobRow::deploy),
                      field("submitted", &JobRow::submitted),
                      field("prepared_at", &JobRow::prepared_at),
                      field("inputs", &JobRow::inputs),
                      field_or_default("teacher", &JobRow::teacher),
                      field("attempt", &JobRow::attempt),
                      field("attempts_failed", &JobRow::attempts_failed),
                      field("checkpoint_step", &JobRow::checkpoint_step),
                      field("attempts", &JobRow::attempts),
                      field("checkpoints", &JobRow::checkpoints),
                      field("steps_finished", &JobRow::steps_finished),
                      field("summary", &JobRow::summary),
                      field("reason", &JobRow::reason),
                      field("started_at", &JobRow::started_at),
                      field("ended_at", &JobRow::ended_at),
                      field("waited_seconds", &JobRow::waited_seconds));
  }
};

std::string digest_of(const std::vector<File>& files) {
  std::string listed;
  for (const File& file : files) listed += file.path + "\n" + file.digest + "\n" + std::to_string(file.size) + "\n";
  return sha256_hex(listed);
}

InputsRow row_of(const JobInputs& inputs) {
  InputsRow row;
  row.model_id = inputs.model_id;
  row.model_fileset_id = inputs.model_fileset_id;
  row.dataset_fileset_id = inputs.dataset_fileset_id;
  row.model_digest = digest_of(inputs.model_files);
  row.dataset_file = inputs.dataset.path;
  row.dataset_digest = inputs.dataset.digest;
  if (inputs.validation) row.validation_file = inputs.validation->path;
  if (inputs.validation) row.validation_digest = inputs.validation->digest;
  row.rows = inputs.rows;
  row.rows_left_out = inputs.rows_left_out;
  row.tokens = inputs.tokens;
  row.supervised_tokens = inputs.supervised_tokens;
  row.steps = inputs.steps;
  row.memory_bytes = inputs.memory_bytes;
  row.engine_version = inputs.engine_version;
  return row;
}

template <class T>
void keep_last(std::vector<T>& all, T last, std::size_t count_max) {
  all.push_back(std::move(last));
  if (all.size() > count_max) all.erase(all.begin());
}

class JobFold : public Fold<JobRow> {
 public:
  static constexpr std::string_view entity = "job";
  template <class Fact>
  static constexpr bool follows = is_one_of<Fact, WorkspaceDeleted>;

  JobFold(Table& table, const log::Record& record) : Fold(table, record, entity) {}

  void on(const JobSubmitted& submitted) {
    JobRow row = accepted(submitted);
    row.submitted = true;
    row.details = submitted.details;
    row.deploy = submitted.deploy;
    row.inputs.model_id = submitted.model_id;
    row.inputs.dataset_fileset_id = submitted.dataset_fileset_id;
    put(std::move(row));
  }

  // The first event of a job that was checked before it was accepted, the second of one that was submitted.
  void on(const JobQueued& queued) {
    JobRow row = record_.version > 1 ? read<JobRow>(key_).value_or(accepted(queued)) : accepted(queued);
    if (row.submitted) row.status = status_after(row.status, queued);
    row.config = queued.config;
    row.inputs = row_of(queued.inputs);
    row.prepared_at = time_;
    put(std::move(row));
  }

  void on(const JobTeacherSet& set) {
    const JobTeacher& teacher = set.teacher;
    change([&](JobRow& row) { row.teacher = TeacherRow{teacher.model, teacher.model_id, teacher.files.empty() ? "" : digest_of(teacher.files)}; });
  }

  void on(const JobDetailsSet& set) {
    change([&](JobRow& row) { row.details = set.details; });
  }

  void on(const JobDeleted&) { erase(); }

  void on(const JobPlaced& placed) {
    change_status(placed, [&](JobRow& row) {
      row.attempt = placed.attempt;
      AttemptRow attempt;
      attempt.attempt = placed.attempt;
      attempt.worker = placed.worker;
      attempt.incarnation = placed.incarnation;
      attempt.device = placed.device;
      attempt.placed_at = time_;
      keep_last(row.attempts, std::move(attempt), attempts_max);
    });
  }

  void on(const JobStarted& started) {
    change_status(started, [&](JobRow& row) {
      row.started_at = time_;
      if (const auto accepted = parse_time(row.created_at)) row.waited_seconds = static_cast<double>(record_.time - *accepted) / 1e6;
      begin(row, 0);
    });
  }

  void on(const JobAttemptStarted& started) {
    change_status(started, [&](JobRow& row) { begin(row, started.resumed_from_step); });
  }

  void on(const JobCheckpointed& checkpointed) {
    change([&](JobRow& row) {
      row.checkpoint_step = checkpointed.step;
      keep_last(row.checkpoints, CheckpointRow{checkpointed.attempt, checkpointed.step, time_}, checkpoints_max);
    });
  }

  void on(const JobAttemptEnded& ended) {
    change_status(ended, [&](JobRow& row) {
      if (counts_as_failure(ended.outcome)) ++row.attempts_failed;
      row.reason = ended.reason;
      end_attempt(row, ended.outcome, ended.reason);
    });
  }

  void on(const JobStepFinished& finished) {
    change([&](JobRow& row) { row.steps_finished.push_back({finished.step, time_}); });
  }

  void on(const JobCancelRequested& requested) {
    change_status(requested, [](JobRow&) {});
  }
  void on(const JobPauseRequested& requested) {
    change_status(requested, [](JobRow&) {});
  }
  void on(const JobResumed& resumed) {
    change_status(resumed, [](JobRow&) {});
  }

  void on(const JobPaused& paused) {
    change_status(paused, [&](JobRow& row) {
      row.checkpoint_step = paused.step;
      end_attempt(row, "paused", "");
    });
  }

  void on(const JobCompleted& completed) {
    change_status(completed, [&](JobRow& row) {
      row.output_kind = completed.output_kind;
      row.output_fileset = completed.output_fileset;
      row.summary = completed.summary;
      row.reason.clear();
      end(row, "completed", "");
    });
  }

  void on(const JobFailed& failed) {
    change_status(failed, [&](JobRow& row) {
      ++row.attempts_failed;
      row.reason = failed.reason;
      end(row, failed.outcome, failed.reason);
    });
  }

  void on(const JobCancelled& cancelled) {
    change_status(cancelled, [&](JobRow& row) {
      row.reason = cancelled.reason;
      end(row, "cancelled", cancelled.reason);
    });
  }

  // The jobs that have ended go with their workspace.
  void on(const WorkspaceDeleted&) { erase_all(table_, rows_of(entity, record_.name)); }

 private:
  JobRow accepted(const auto& event) const {
    JobRow row = created();
    row.description = event.description;
    row.status = status_after_queued();
    row.model = event.model;
    row.dataset = event.dataset;
    row.output = event.output;
    row.method = event.method;
    row.priority = event.priority;
    row.config = event.config;
    return row;
  }

  template <class Fact, class By>
  void change_status(const Fact& fact, const By& by) {
    change([&](JobRow& row) {
      row.status = status_after(row.status, fact);
      by(row);
    });
  }

  void begin(JobRow& row, std::int64_t resumed_from_step) {
    row.checkpoint_step = resumed_from_step;
    if (row.attempts.empty()) return;
    row.attempts.back().started_at = time_;
    row.attempts.back().resumed_from_step = resumed_from_step;
  }

  void end_attempt(JobRow& row, const std::string& outcome, const std::string& reason) {
    if (row.attempts.empty() || row.attempts.back().ended_at) return;
    row.attempts.back().ended_at = time_;
    row.attempts.back().outcome = outcome;
    row.attempts.back().reason = reason;
  }

  void end(JobRow& row, const std::string& outcome, const std::string& reason) {
    row.ended_at = time_;
    end_attempt(row, outcome, reason);
  }
};

void apply(Table& table, const log::Record& record, const Event& event) { fold(JobFold(table, record), event); }

}  // namespace

const Projection jobs{"jobs", 2, {"job"}, &apply, &as_it_is};

}  // namespace luthier::projections
