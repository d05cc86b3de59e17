#include "actors/worker/file_lock.hpp"
#include "actors/worker/task_driver.hpp"
#include "actors/worker/training_log.hpp"
#include "actors/worker/training_output.hpp"
#include "actors/worker/work_directory.hpp"
#include "events/base/file.hpp"

namespace luthier::worker {
namespace {

using Outcome = TaskReport::Outcome;

class TrainDriver final : public TaskDriver {
 public:
  TrainDriver(const DriverContext& context, const Task& task)
      : config_(context.config), blobs_(context.blobs), listener_(context.listener), task_(task),
        directory_(context.config.work, task.id) {}

  void run() override { listener_(attempt()); }

  void clean(bool completed) override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_.inputs(), ignored);
    if (!completed) return;  // the next attempt goes on from the checkpoints
    std::filesystem::remove_all(directory_.checkpoints(), ignored);
  }

 private:
  ProcessEnded attempt() {
    if (auto ok = prepare(); !ok) return ended_before_start(ok.error(), switch_.is_pressed());
    // Held by the process too: were this worker killed, the next one would wait here until its orphan is gone.
    auto lock = FileLock::take(directory_.lock(), config_.lock_wait);
    if (!lock) return ended_before_start(lock.error(), switch_.is_pressed());
    if (!*lock) return ended_before_start({ErrorCode::unavailable, "the process of an earlier attempt is still there", ""}, false);
    if (switch_.is_pressed()) return ended_before_start({}, true);
    const auto exit = run_child(spec((*lock)->descriptor()), switch_, watcher());
    if (!exit) return ended_before_start(exit.error(), switch_.is_pressed());
    return exit->code == 0 ? finish(*exit) : ended_as(*exit);
  }

  Result<void> prepare() {
    for (const auto& directory : {directory_.checkpoints(), directory_.inputs()})
      if (auto ok = make_directory(directory); !ok) return ok;
    std::error_code failure;
    std::filesystem::remove_all(directory_.out(), failure);  // of this attempt, were it begun before
    if (auto ok = make_directory(directory_.out()); !ok) return ok;
    listener_(LogLine{"fetching the inputs"});
    if (auto ok = blobs_.materialise(task_.model_files, directory_.inputs() / "model"); !ok)
      return with_context(ok.error(), "the model");
    if (!task_.teacher_files.empty())
      if (auto ok = blobs_.materialise(task_.teacher_files, directory_.inputs() / "teacher"); !ok) return with_context(ok.error(), "the teacher");
    if (!task_.dataset) return invalid("the task names no dataset", "dataset");
    if (auto ok = fetch(*task_.dataset, "data"); !ok) return with_context(ok.error(), "the dataset");
    if (task_.validation)
      if (auto ok = fetch(*task_.validation, "validation"); !ok) return with_context(ok.error(), "the validation rows");
    return write_file_durably(directory_.config(), task_.config);
  }

  Result<void> fetch(const events::File& file, const std::string& directory) {
    return blobs_.materialise({file}, directory_.inputs() / directory);
  }

  ChildSpec spec(int lock) const {
    ChildSpec spec;
    spec.program = config_.program;
    spec.arguments = {"luthier", "train",
                      "--model", model_argument(directory_.inputs() / "model", task_.model_files),
                      "--data", directory_.inputs() / "data" / task_.dataset->path,
                      "--config", directory_.config(),
                      "--out", directory_.out(),
                      "--checkpoint-dir", directory_.checkpoints(),
                      "--checkpoint-every", std::to_string(config_.checkpoint_every),
                      "--resume", "--progress", "json"};
    if (task_.validation) {
      spec.arguments.push_back("--validation");
      spec.arguments.push_back(directory_.inputs() / "validation" / task_.validation->path);
    }
    if (!task_.teacher_files.empty()) {
      spec.arguments.push_back("--teacher");
      spec.arguments.push_back(model_argument(directory_.inputs() / "teacher", task_.teacher_files));
    }
    if (!task_.base_model.empty()) {
      spec.arguments.push_back("--base-model");
      spec.arguments.push_back(task_.base_model);
    }
    spec.log = directory_.log();
    spec.log_bytes_max = config_.log_bytes_max;
    spec.inherited_lock = lock;
    return spec;
  }

  ChildListener watcher() {
    return {[this](pid_t) { started_at_ = std::chrono::steady_clock::now(); },
            [this](const std::string& line) { said(line); },
            [this](const std::string& line) { listener_(LogLine{line}); }};
  }

  void said(const std::string& text) {
    const auto line = read_training_line(text);
    if (!line) return listener_(LogLine{text});
    if (!has_begun_) listener_(ProcessStarted{line->resumed_from_step.value_or(0)});
    has_begun_ = true;
    if (line->checkpoint) listener_(CheckpointWritten{*line->checkpoint});
    if (line->validation_loss) validation_loss_ = line->validation_loss;
    if (line->seconds) seconds_ = line->seconds;
    if (auto told = log_.text_of(text)) listener_(LogLine{std::move(*told)});
    listener_(ProgressLine{text});
  }

  // Its results count once they are stored as blobs, and not before.
  ProcessEnded finish(const ChildExit& exit) {
    const auto failed = [&](const Error& error) {
      return ProcessEnded{Outcome::crashed, error.message, true, {}, {}};
    };
    auto summary = summarise(directory_.out() / "metrics.jsonl");
    // It obeyed, and says that it has no result.
    if (!summary && exit.was_asked) return ended_as(exit);
    if (!summary) return failed(summary.error());
    listener_(LogLine{"storing the result"});
    auto files = store_outputs(directory_.out(), config_.output_files_max, blobs_);
    if (!files && exit.was_asked) return ended_as(exit);
    if (!files) return failed(files.error());
    const std::chrono::duration<double> here = std::chrono::steady_clock::now() - started_at_;
    summary->seconds = seconds_.value_or(here.count());
    summary->validation_loss = validation_loss_;
    return {Outcome::completed, "", false, std::move(*files), *summary};
  }

  const ProcessConfig& config_;
  BlobDoor& blobs_;
  TaskRunner::Listener listener_;
  const Task task_;
  const TrainDirectory directory_;
  std::chrono::steady_clock::time_point started_at_{};
  bool has_begun_ = false;
  TrainingLog log_;
  std::optional<double> validation_loss_, seconds_;
};

}  // namespace

std::unique_ptr<TaskDriver> make_train_driver(const DriverContext& context, const Task& task) {
  return std::make_unique<TrainDriver>(context, task);
}

}  // namespace luthier::worker
