#include "actors/core/inspector_actor.hpp"

#include <caf/all.hpp>

#include "actors/core/fleet.hpp"
#include "actors/core/follow.hpp"
#include "actors/core/messages.hpp"

namespace luthier::core {
namespace {

using namespace events;

class Inspector {
 public:
  Inspector(caf::event_based_actor* self, Checker* checker, caf::actor entity, Settings settings, Follower follower)
      : self_(self), checker_(checker), entity_(std::move(entity)), settings_(settings), follower_(std::move(follower)) {}

  void committed(const Commit& commit) {
    if (apply_or_quit(self_, follower_, commit)) look();
  }

  void tick() {
    self_->delayed_send(self_, settings_.plan_interval, Tick{});
    look();
  }

 private:
  // One model at a time: reading may take a while, and the answer wakes us again.
  void look() {
    if (busy_) return;
    for (const auto& [name, model] : follower_.world.models) {
      const auto fileset_name = parse_reference(model.fileset, model.workspace);
      const auto fileset = fileset_name ? follower_.world.filesets.find(*fileset_name) : follower_.world.filesets.end();
      if (fileset == follower_.world.filesets.end() || fileset->second.id != model.fileset_id) continue;
      if (fileset->second.content_version != model.spec_fileset_version) return inspect(model, fileset->second);
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
