#include "actors/core/inspector_actor.hpp"

#include <caf/all.hpp>
#include <map>
#include <set>

#include "actors/core/fleet.hpp"
#include "actors/core/follow.hpp"
#include "actors/core/messages.hpp"
#include "events/json/value.hpp"

namespace luthier::core {
namespace {

using namespace events;

// While its files still come from elsewhere, a fileset says nothing of its model.
bool is_importing(const FilesetState& fileset) {
  const auto details = json::parse(fileset.details.text);
  const auto* import = details ? details->find("import") : nullptr;
  const auto* state = import ? import->find("state") : nullptr;
  return state && state->text() && (*state->text() == "listed" || *state->text() == "importing");
}

class Inspector {
 public:
  Inspector(caf::event_based_actor* self, Checker* checker, caf::actor entity, Settings settings, Follower follower)
      : self_(self), checker_(checker), entity_(std::move(entity)), settings_(settings), follower_(std::move(follower)) {
    for (const auto& [name, model] : follower_.world.models) notice(name);
  }

  void committed(const Commit& commit) {
    if (!apply_or_quit(self_, follower_, commit)) return;
    for (const auto& fact : commit.facts) {
      if (fact.stream.entity == "model") notice({fact.workspace, fact.name});
      if (fact.stream.entity == "fileset") notice_models_of({fact.workspace, fact.name});
    }
    look();
  }

  void tick() {
    self_->delayed_send(self_, settings_.plan_interval, Tick{});
    look();
  }

 private:
  using Name = World::Name;

  void notice(const Name& name) {
    const auto model = follower_.world.models.find(name);
    if (model == follower_.world.models.end()) return;
    const auto fileset = parse_reference(model->second.fileset, model->second.workspace);
    if (!fileset) return;
    of_fileset_[*fileset].insert(name);
    changed_.insert(name);
  }

  void notice_models_of(const Name& fileset) {
    if (const auto models = of_fileset_.find(fileset); models != of_fileset_.end()) changed_.insert(models->second.begin(), models->second.end());
  }

  // The files that a model's spec does not speak of yet; null: there are none.
  const FilesetState* unread_of(const ModelState& model) const {
    const auto name = parse_reference(model.fileset, model.workspace);
    const auto fileset = name ? follower_.world.filesets.find(*name) : follower_.world.filesets.end();
    if (fileset == follower_.world.filesets.end() || fileset->second.id != model.fileset_id) return nullptr;
    return fileset->second.content_version != model.spec_fileset_version && !is_importing(fileset->second) ? &fileset->second : nullptr;
  }

  // One model at a time: reading may take a while, and the answer wakes us again. A model stays noticed until its spec is there.
  void look() {
    while (!busy_ && !changed_.empty()) {
      const auto model = follower_.world.models.find(*changed_.begin());
      const auto* unread = model == follower_.world.models.end() ? nullptr : unread_of(model->second);
      if (unread) return inspect(model->second, *unread);
      changed_.erase(changed_.begin());
    }
  }

  void inspect(const ModelState& model, const FilesetState& fileset) {
    std::vector<File> files;
    for (const auto& [path, file] : fileset.files) files.push_back(file);
    FillModelSpec command{fileset.id, fileset.content_version, {}, ""};
    if (auto spec = checker_->describe_model(files)) command.spec.text = std::move(*spec);
    else command.error = spec.error().message;
    busy_ = true;
    auto request = own_request(model.workspace, "model", model.name,
                               model.id + ":spec:" + fileset.id + "@" + std::to_string(follower_.applied), std::move(command));
    self_->request(entity_, caf::infinite, Submit{std::make_shared<const Request>(std::move(request))})
        .then([this](const Outcome&) { busy_ = false; }, [this](const caf::error&) { busy_ = false; });
  }

  caf::event_based_actor* self_;
  Checker* checker_;
  caf::actor entity_;
  Settings settings_;
  Follower follower_;
  std::set<Name> changed_;                      // models to look at, since they or their filesets have changed
  std::map<Name, std::set<Name>> of_fileset_;   // fileset -> models that have named it; some may do so no longer
  bool busy_ = false;
};

}  // namespace

caf::behavior inspector_actor(caf::event_based_actor* self, Checker* checker, const log::EventLog* log, caf::actor log_actor,
                              caf::actor entity, Settings settings) {
  auto follower = follow_log(self, *log, log_actor);
  if (!follower) return {};
  auto inspector = std::make_shared<Inspector>(self, checker, std::move(entity), settings, std::move(*follower));
  self->send(self, Tick{});
  return {
      [=](const Committed& committed) { inspector->committed(*committed.commit); },
      [=](const Tick&) { inspector->tick(); },
  };
}

}  // namespace luthier::core
