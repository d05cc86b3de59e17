// The end of a workspace that is to be deleted with all it has: first what runs, then what the rest needs, at last itself.
#include "actors/core/plan.hpp"

namespace luthier::core {
namespace {

using namespace events;

constexpr std::size_t commands_per_look_max = 256;  // so that others are served in between

class Clearing {
 public:
  Clearing(const View& view, const std::string& workspace) : view_(view), workspace_(workspace) {}

  std::vector<Request> take() {
    each(view_.world.deployments, "deployment", [](const DeploymentState&) { return DeleteDeployment{}; });
    for (auto name = view_.world.open_jobs.lower_bound({workspace_, ""}); name != view_.world.open_jobs.end() && name->first == workspace_; ++name)
      add("job", name->second, view_.world.jobs.at(*name).id, CancelJob{"its workspace is deleted"});
    if (!plan_.empty()) return std::move(plan_);  // what runs ends first: it needs the rest
    each(view_.world.models, "model", [](const ModelState&) { return DeleteModel{}; });
    add_adapters_elsewhere();
    each(view_.world.records, "record", [](const RecordState&) { return DeleteRecord{}; });
    each(view_.world.secrets, "secret", [](const SecretState&) { return DeleteSecret{}; });
    if (plan_.empty()) each(view_.world.filesets, "fileset", [](const FilesetState&) { return DeleteFileset{}; });
    if (plan_.empty())
      plan_.push_back(own_request("system", "workspace", workspace_, view_.world.workspaces.at(workspace_).id + ":delete@" + std::to_string(view_.applied),
                                  DeleteWorkspace{}));
    return std::move(plan_);
  }

 private:
  // Adapters of this workspace whose models are in others; those of its own models go with them.
  void add_adapters_elsewhere() {
    for (auto found = view_.world.adapter_models.lower_bound({workspace_, ""});
         found != view_.world.adapter_models.end() && found->first.first == workspace_; ++found) {
      const auto model = parse_reference(found->second, workspace_);
      if (!model || model->first == workspace_ || plan_.size() >= commands_per_look_max) continue;
      const auto adapter = short_reference(found->first, model->first);
      const auto id = view_.world.models.at(*model).id + ":clear:" + adapter + "@" + std::to_string(view_.applied);
      plan_.push_back(own_request(model->first, "model", model->second, id, DeleteAdapter{adapter}));
    }
  }

  template <class State, class Make>
  void each(const std::map<World::Name, State>& entities, const std::string& entity, const Make& make) {
    for (auto found = entities.lower_bound({workspace_, ""}); found != entities.end() && found->first.first == workspace_; ++found)
      add(entity, found->second.name, found->second.id, make(found->second));
  }

  void add(const std::string& entity, const std::string& name, const std::string& id, Command command) {
    if (plan_.size() < commands_per_look_max)
      plan_.push_back(own_request(workspace_, entity, name, id + ":clear@" + std::to_string(view_.applied), std::move(command)));
  }

  const View& view_;
  const std::string& workspace_;
  std::vector<Request> plan_;
};

}  // namespace

std::vector<Request> plan_workspaces(const View& view, Backoff&) {
  for (const auto& [name, workspace] : view.world.workspaces)
    if (workspace.deleting)
      if (auto plan = Clearing(view, name).take(); !plan.empty()) return plan;
  return {};
}

}  // namespace luthier::core
