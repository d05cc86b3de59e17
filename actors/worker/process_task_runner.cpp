#include "actors/worker/process_task_runner.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <variant>

#include "actors/worker/task_driver.hpp"

namespace luthier::worker {
namespace {

// A driver with its thread; whoever destroys it waits for the end of the process.
struct Running {
  std::shared_ptr<TaskDriver> driver;
  std::thread thread;
  std::shared_ptr<bool> is_completed = std::make_shared<bool>(false);  // written before the thread's last event
};

}  // namespace

struct ProcessTaskRunner::Parts {
  Parts(ProcessConfig given_config, BlobDoor& given_blobs)
      : config(std::move(given_config)), blobs(given_blobs), janitor([this] { tidy(); }) {}

  // Joins the threads of forgotten tasks and removes their directories, so that nobody else waits for a disk.
  void tidy() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return is_ending || !forgotten.empty(); });
      if (forgotten.empty()) return;
      auto task = std::move(forgotten.front());
      forgotten.pop_front();
      lock.unlock();
      if (task.thread.joinable()) task.thread.join();
      if (task.driver) task.driver->clean(*task.is_completed);
      lock.lock();
    }
  }

  std::shared_ptr<TaskDriver> find(const TaskId& task) {
    const std::lock_guard lock(mutex);
    const auto found = running.find(task);
    return found == running.end() ? nullptr : found->second.driver;
  }

  const ProcessConfig config;
  BlobDoor& blobs;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<TaskId, Running> running;
  std::deque<Running> forgotten;
  bool is_ending = false;
  std::thread janitor;  // last: it uses the others
};

ProcessTaskRunner::ProcessTaskRunner(ProcessConfig config, BlobDoor& blobs)
    : parts_(std::make_unique<Parts>(std::move(config), blobs)) {}

ProcessTaskRunner::~ProcessTaskRunner() {
  std::map<TaskId, Running> rest;
  {
    const std::lock_guard lock(parts_->mutex);
    rest.swap(parts_->running);
    parts_->is_ending = true;
  }
  parts_->changed.notify_all();
  for (auto& [id, task] : rest) task.driver->stop(StopWhy::lease_over);
  for (auto& [id, task] : rest)
    if (task.thread.joinable()) task.thread.join();
  parts_->janitor.join();
}

void ProcessTaskRunner::start(const Task& task, Listener listener) {
  const std::lock_guard lock(parts_->mutex);
  auto& entry = parts_->running[task.id];
  if (entry.driver) return;  // it runs already
  const auto is_completed = entry.is_completed;
  const auto watched = [listener = std::move(listener), is_completed](TaskEvent event) {
    if (const auto* ended = std::get_if<ProcessEnded>(&event))
      *is_completed = ended->outcome == TaskReport::Outcome::completed;
    listener(std::move(event));
  };
  const DriverContext context{parts_->config, parts_->blobs, watched};
  entry.driver = task.id.kind == TaskKind::train ? make_train_driver(context, task) : make_serve_driver(context, task);
  entry.thread = std::thread([driver = entry.driver] { driver->run(); });
}

void ProcessTaskRunner::stop(const TaskId& task, StopWhy why) {
  if (const auto driver = parts_->find(task)) driver->stop(why);
}

void ProcessTaskRunner::load_adapter(const TaskId& task, const AdapterWish& adapter) {
  if (const auto driver = parts_->find(task)) driver->load_adapter(adapter);
}

void ProcessTaskRunner::unload_adapter(const TaskId& task, const std::string& served_name) {
  if (const auto driver = parts_->find(task)) driver->unload_adapter(served_name);
}

void ProcessTaskRunner::forget(const TaskId& task) {
  const std::lock_guard lock(parts_->mutex);
  const auto found = parts_->running.find(task);
  if (found == parts_->running.end()) return;
  parts_->forgotten.push_back(std::move(found->second));
  parts_->running.erase(found);
  parts_->changed.notify_all();
}

}  // namespace luthier::worker
