#include "actors/core/fleet.hpp"

namespace luthier::core {
namespace {

using namespace events;

std::vector<File> files_of(const World& world, const std::string& fileset, const std::string& fileset_id,
                           const std::string& workspace) {
  std::vector<File> files;
  const auto name = parse_reference(fileset, workspace);
  if (!name) return files;
  const auto found = world.filesets.find(*name);
  if (found == world.filesets.end() || found->second.id != fileset_id) return files;
  for (const auto& [path, file] : found->second.files) files.push_back(file);
  return files;
}

std::string stop_of(JobPhase phase) {
  if (phase == JobPhase::cancelling) return "cancel";
  if (phase == JobPhase::pausing) return "pause";
  return "";
}

worker::Task train_task(const JobState& job) {
  worker::Task task;
  task.id = {worker::TaskKind::train, job.id, job.attempt};
  task.workspace = job.workspace;
  task.name = job.name;
  task.device = job.device;
  task.stop = stop_of(job.phase);
  task.model_files = job.inputs.model_files;
  if (job.teacher) task.teacher_files = job.teacher->files;
  task.method = job.method;
  task.config = job.config.text;
  task.dataset = job.inputs.dataset;
  task.validation = job.inputs.validation;
  task.base_model = job.model;
  return task;
}

std::vector<std::string> served_names(const ModelState& model) {
  std::vector<std::string> names{model.workspace + "/" + model.name};
  if (model.workspace == "default") names.push_back(model.name);
  return names;
}

// Whatever is loading or loaded stays wanted until the reconciler asks for its unloading: the worker follows decisions.
void add_adapters(const World& world, const DeploymentState& deployment, const ModelState& model, worker::Task& task) {
  for (const auto& [served, state] : deployment.adapters) {
    if (state.phase == ServedAdapter::Phase::unloading || state.phase == ServedAdapter::Phase::failed) continue;
    for (const auto& [name, adapter] : model.adapters)
      if (served_name(adapter.workspace, adapter.name) == served && adapter.key() == state.key)
        task.adapters.push_back({served, state.key, files_of(world, adapter.fileset, adapter.fileset_id, adapter.workspace)});
  }
}

worker::Task serve_task(const World& world, const DeploymentState& deployment) {
  worker::Task task;
  task.id = {worker::TaskKind::serve, deployment.id, deployment.attempt};
  task.workspace = deployment.workspace;
  task.name = deployment.name;
  task.device = deployment.device;
  task.stop = deployment.phase == DeploymentPhase::deleting ? "undeploy" : "";
  const auto name = parse_reference(deployment.model, deployment.workspace);
  const auto model = name ? world.models.find(*name) : world.models.end();
  if (model == world.models.end()) return task;
  task.base_model = deployment.model;
  task.model_files = files_of(world, model->second.fileset, model->second.fileset_id, model->second.workspace);
  task.served_names = served_names(model->second);
  add_adapters(world, deployment, model->second, task);
  return task;
}

}  // namespace

void Fleet::hear(std::shared_ptr<const worker::Beat> beat, Monotonic now) {
  auto& heard = workers_[beat->worker];
  const bool older = heard.beat && heard.beat->incarnation == beat->incarnation && heard.beat->sequence > beat->sequence;
  heard.at = now;
  if (!older) heard.beat = std::move(beat);
}

void Fleet::expect(const World& world, Monotonic now) {
  for (const auto& [name, worker] : world.workers)
    if (worker.present) workers_.try_emplace(name, Heard{nullptr, now});
}

const worker::TaskReport* Fleet::report(const std::string& worker, const std::string& incarnation,
                                        const worker::TaskId& task) const {
  const auto found = workers_.find(worker);
  if (found == workers_.end() || !found->second.beat || found->second.beat->incarnation != incarnation) return nullptr;
  for (const auto& report : found->second.beat->tasks)
    if (report.id == task) return &report;
  return nullptr;
}

bool Fleet::is_live(const WorkerState& worker, Monotonic now, std::chrono::milliseconds limit) const {
  const auto found = workers_.find(worker.name);
  return worker.present && found != workers_.end() && found->second.beat && now - found->second.at <= limit &&
         found->second.beat->incarnation == worker.incarnation && !found->second.beat->leaving;
}

std::vector<const WorkerState*> Fleet::silent(const World& world, Monotonic now, std::chrono::milliseconds limit) const {
  std::vector<const WorkerState*> lost;
  for (const auto& [name, worker] : world.workers) {
    const auto found = workers_.find(name);
    if (worker.present && found != workers_.end() && now - found->second.at > limit) lost.push_back(&worker);
  }
  return lost;
}

const worker::Beat* Fleet::last_beat(const std::string& worker) const {
  const auto found = workers_.find(worker);
  return found == workers_.end() ? nullptr : found->second.beat.get();
}

std::vector<worker::Task> tasks_of(const World& world, const std::string& worker) {
  std::vector<worker::Task> tasks;
  for (const auto& name : world.open_jobs)
    if (const auto& job = world.jobs.at(name); job.worker == worker && holds_device(job.phase)) tasks.push_back(train_task(job));
  for (const auto& [name, deployment] : world.deployments)
    if (deployment.worker == worker && holds_device(deployment.phase)) tasks.push_back(serve_task(world, deployment));
  return tasks;
}

Request own_request(const std::string& workspace, const std::string& entity, const std::string& name, std::string id,
                    Command command) {
  Request request;
  request.key = {"system", workspace, std::move(id)};
  request.entity = entity;
  request.name = name;
  request.command = std::move(command);
  return request;
}

}  // namespace luthier::core
