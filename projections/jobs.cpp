// Jobs. `status` is the platform API's word for where a job is:
//
//   accepted, never placed     created        asked to pause       pausing
//   placed, or queued again    pending        paused               paused
//   an attempt has begun       active         asked to cancel      cancelling
//   failed                     error          cancelled, completed as they are
#include "projections/fold.hpp"

namespace luthier::projections {
namespace {

Row inputs_row(const JobInputs& inputs) {
  Row row{{"dataset_file", inputs.dataset.path}, {"dataset_digest", inputs.dataset.digest}};
  row["validation_file"] = inputs.validation ? Row(inputs.validation->path) : Row(nullptr);
  row["rows"] = inputs.rows;
  row["rows_left_out"] = inputs.rows_left_out;
  row["tokens"] = inputs.tokens;
  row["supervised_tokens"] = inputs.supervised_tokens;
  row["steps"] = inputs.steps;
  row["memory_bytes"] = inputs.memory_bytes;
  row["engine_version"] = inputs.engine_version;
  return row;
}

Row summary_row(const TrainingSummary& summary) {
  Row row{{"steps", summary.steps}, {"tokens", summary.tokens}, {"first_loss", summary.first_loss},
          {"final_loss", summary.final_loss}, {"seconds", summary.seconds}};
  row["validation_loss"] = summary.validation_loss ? Row(*summary.validation_loss) : Row(nullptr);
  return row;
}

void set_status(Rows& rows, const char* status) {
  rows.change([&](Row& row) { row["status"] = status; });
}

Row& last_attempt(Row& job) { return job["attempts"].back(); }

void end_attempt(Rows& rows, Row& job, const std::string& outcome, const std::string& reason) {
  if (job["attempts"].empty() || !last_attempt(job)["ended_at"].is_null()) return;
  auto& attempt = last_attempt(job);
  attempt["ended_at"] = rows.time();
  attempt["outcome"] = outcome;
  attempt["reason"] = reason;
}

void end_job(Rows& rows, const char* status, const std::string& outcome, const std::string& reason) {
  rows.change([&](Row& job) {
    end_attempt(rows, job, outcome, reason);
    job["status"] = status;
    job["reason"] = reason;
    job["ended_at"] = rows.time();
  });
}

}  // namespace

void fold(Rows& rows, const JobQueued& event) {
  rows.create({{"status", "created"}, {"description", event.description}, {"model", event.model}, {"dataset", event.dataset},
               {"output", event.output}, {"method", event.method}, {"priority", event.priority},
               {"config", Row::parse(event.config.text)}, {"inputs", inputs_row(event.inputs)}, {"attempts", Row::array()},
               {"steps_finished", Row::array()}, {"checkpoint_step", 0}, {"reason", ""}, {"summary", nullptr},
               {"output_kind", nullptr}, {"output_fileset", nullptr}, {"started_at", nullptr}, {"ended_at", nullptr}});
}

void fold(Rows& rows, const JobPlaced& event) {
  rows.change([&](Row& job) {
    job["status"] = "pending";
    job["attempts"].push_back({{"attempt", event.attempt}, {"worker", event.worker}, {"device", event.device},
                               {"placed_at", rows.time()}, {"started_at", nullptr}, {"resumed_from_step", 0},
                               {"ended_at", nullptr}, {"outcome", ""}, {"reason", ""}});
  });
}

void fold(Rows& rows, const JobStarted&) {
  rows.change([&](Row& job) {
    if (job["status"] == "pending") job["status"] = "active";
    job["started_at"] = rows.time();
    last_attempt(job)["started_at"] = rows.time();
  });
}

void fold(Rows& rows, const JobAttemptStarted& event) {
  rows.change([&](Row& job) {
    if (job["status"] == "pending") job["status"] = "active";
    last_attempt(job)["started_at"] = rows.time();
    last_attempt(job)["resumed_from_step"] = event.resumed_from_step;
  });
}

void fold(Rows& rows, const JobCheckpointed& event) {
  rows.change([&](Row& job) { job["checkpoint_step"] = event.step; });
}

void fold(Rows& rows, const JobAttemptEnded& event) {
  rows.change([&](Row& job) {
    end_attempt(rows, job, event.outcome, event.reason);
    job["status"] = "pending";
  });
}

void fold(Rows& rows, const JobStepFinished& event) {
  rows.change([&](Row& job) { job["steps_finished"].push_back({{"step", event.step}, {"at", rows.time()}}); });
}

void fold(Rows& rows, const JobCancelRequested&) { set_status(rows, "cancelling"); }
void fold(Rows& rows, const JobPauseRequested&) { set_status(rows, "pausing"); }

void fold(Rows& rows, const JobPaused& event) {
  rows.change([&](Row& job) {
    end_attempt(rows, job, "paused", "");
    job["status"] = "paused";
    job["checkpoint_step"] = event.step;
  });
}

void fold(Rows& rows, const JobResumed&) { set_status(rows, "pending"); }

void fold(Rows& rows, const JobCompleted& event) {
  rows.change([&](Row& job) {
    job["summary"] = summary_row(event.summary);
    job["output_kind"] = event.output_kind;
    job["output_fileset"] = event.output_fileset;
  });
  end_job(rows, "completed", "completed", "");
}

void fold(Rows& rows, const JobFailed& event) { end_job(rows, "error", event.outcome, event.reason); }
void fold(Rows& rows, const JobCancelled& event) { end_job(rows, "cancelled", "cancelled", event.reason); }

}  // namespace luthier::projections
