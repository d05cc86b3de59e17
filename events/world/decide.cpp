// Every command passes here: the envelope's own rules, then the decider of its entity. There is no default: a new command
// fails to compile until somebody has decided what it means.
#include "events/deployment/rules.hpp"
#include "events/fileset/rules.hpp"
#include "events/job/rules.hpp"
#include "events/model/rules.hpp"
#include "events/platform_job/rules.hpp"
#include "events/record/rules.hpp"
#include "events/secret/rules.hpp"
#include "events/worker/rules.hpp"
#include "events/workspace/rules.hpp"

namespace luthier::events {
namespace {

bool lives_in_system(std::string_view entity) { return entity == "workspace" || entity == "worker"; }

Result<void> check_target(const World& world, const Request& request, std::string_view entity) {
  if (request.entity != entity)
    return invalid("the command is one to a " + std::string(entity) + ", not to a " + request.entity, "entity");
  const std::string& workspace = request.key.workspace;
  if (lives_in_system(entity) && workspace != system_workspace)
    return invalid("workspace: each " + std::string(entity) + " lives in workspace system", "workspace");
  if (!workspace_exists(world, workspace) && !(request.key.principal == "system" && world.workspaces.contains(workspace)))
    return Error{ErrorCode::not_found, "workspace " + workspace + " not found", "workspace"};
  return {};
}

Result<void> check_sender(const Request& request, Sender sender) {
  const std::string& principal = request.key.principal;
  if (sender == Sender::anyone || principal == "system") return {};
  if (sender == Sender::worker && principal.starts_with("worker:")) return {};
  return invalid("principal: the command is sent by Luthier's own parts only", "principal");
}

Result<void> check_version(const World& world, const Request& request) {
  if (!request.expected_version) return {};
  const auto stream = world.stream_of(request.entity, request.key.workspace, request.name);
  const Version version = stream ? stream->second : 0;
  if (version == *request.expected_version) return {};
  return conflict(title_of(request.entity, {request.key.workspace, request.name}) + " is at version " + std::to_string(version) +
                      ", not " + std::to_string(*request.expected_version), "expected_version");
}

}  // namespace

Result<std::vector<Fact>> decide(const World& world, const Request& request, const Limits& limits) {
  return std::visit(
      [&](const auto& command) -> Decision {
        using Wish = std::decay_t<decltype(command)>;
        if (auto ok = check_target(world, request, entity_of<Wish>()); !ok) return ok.error();
        if (auto ok = check_sender(request, sender_of<Wish>()); !ok) return ok.error();
        if (auto ok = check_version(world, request); !ok) return ok.error();
        return decide(world, request, command, limits);
      },
      request.command);
}

}  // namespace luthier::events
