// Every event passes here, when it is decided and when it is read back.
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

template <class Key, class State>
void count(std::map<Key, State>& entities, const Key& key) {
  if (const auto found = entities.find(key); found != entities.end()) ++found->second.version;
}

// Each event of a stream adds one, those that end an entity excepted: it has no version any more.
void count_version(World& world, const Fact& fact) {
  const World::Name name{fact.workspace, fact.name};
  const std::string& entity = fact.stream.entity;
  if (entity == "fileset") count(world.filesets, name);
  if (entity == "model") count(world.models, name);
  if (entity == "job") count(world.jobs, name);
  if (entity == "deployment") count(world.deployments, name);
  if (entity == "secret") count(world.secrets, name);
  if (entity == "record") count(world.records, name);
  if (entity == "platform_job") count(world.platform_jobs, name);
  if (entity == "workspace") count(world.workspaces, fact.name);
  if (entity == "worker") count(world.workers, fact.name);
}

}  // namespace

void evolve(World& world, const Fact& fact) {
  std::visit([&](const auto& event) { evolve(world, fact, event); }, fact.event);
  count_version(world, fact);
}

}  // namespace luthier::events
