// What the deciders of all entities share: finding what a request names, and the refusals in one wording.
#pragma once

#include <cassert>
#include <string>
#include <vector>

#include "events/base/overloaded.hpp"
#include "events/world/catalogue.hpp"
#include "events/world/names.hpp"
#include "events/world/world.hpp"

namespace luthier::events {

using Facts = std::vector<Fact>;
using Decision = Result<Facts>;

inline const std::string system_workspace = "system";  // always there; workspaces and workers live in it

inline const std::string& workspace_of(const WorkspaceState&) { return system_workspace; }
inline const std::string& workspace_of(const WorkerState&) { return system_workspace; }
const std::string& workspace_of(const auto& state) { return state.workspace; }

template <class State, class E>
Fact fact_of(const State& state, E event) {
  return {{std::string(entity_of<E>()), state.id}, workspace_of(state), state.name, Event(std::move(event))};
}

// A fact that opens the stream of a new entity.
template <class E>
Fact opening_fact(const Request& request, const std::string& workspace, const std::string& name, E event) {
  const std::string entity(entity_of<E>());
  return {{entity, derive_entity_id(entity, request.key)}, workspace, name, Event(std::move(event))};
}

Error conflict(std::string message, std::string field = {});
Error not_found(std::string_view entity, const std::string& workspace, const std::string& name);
Error unchecked(const std::string& member);  // what a check should have filled in is not there: a fault of ours
std::string title_of(std::string_view entity, const World::Name& name);  // "model default/smol"

bool workspace_exists(const World& world, const std::string& workspace);

template <class State>
const State* find(const std::map<World::Name, State>& entities, const World::Name& name) {
  const auto found = entities.find(name);
  return found == entities.end() ? nullptr : &found->second;
}

// The entity that a fact is of. The fact has happened to it, so it is there.
template <class State>
State& subject(std::map<World::Name, State>& entities, const Fact& fact) {
  const auto found = entities.find({fact.workspace, fact.name});
  assert(found != entities.end());
  return found->second;
}

// The entity that the request is for.
template <class State>
Result<const State*> target(const std::map<World::Name, State>& entities, const Request& request) {
  if (const State* found = find(entities, {request.key.workspace, request.name})) return found;
  return not_found(request.entity, request.key.workspace, request.name);
}

// How many of a kind a workspace has.
void count_new(World& world, const std::string& entity, const std::string& workspace);
void count_gone(World& world, const std::string& entity, const std::string& workspace, std::size_t how_many = 1);

// A name for something new: well formed, free, and not one entity too many.
Result<void> check_new_name(const World& world, const std::string& entity, const std::string& workspace,
                            const std::string& name, const std::string& field, const Limits& limits);
Result<void> check_description(const std::string& text, const Limits& limits);
// What a process says of its end may be any bytes: made readable and cut, never refused.
std::string readable(const std::string& reason, const Limits& limits);

// Details of an entity (an object, or null for none), canonical and within their bounds.
Result<JsonText> checked_details(const JsonText& details, const Limits& limits);
// What a merge patch makes of them; without one they stay.
Result<JsonText> patched_details(const JsonText& details, const std::optional<JsonText>& patch, const Limits& limits);

// What a member of the data names: `invalid` with that member as the field, unless it exists.
Result<const FilesetState*> existing_fileset(const World& world, const std::string& reference, const std::string& workspace,
                                             const std::string& field);
Result<const FilesetState*> filled_fileset(const World& world, const std::string& reference, const std::string& workspace,
                                           const std::string& field);
Result<const ModelState*> existing_model(const World& world, const std::string& reference, const std::string& workspace,
                                         const std::string& field);
// Its checkpoint has been read, as it is now.
Result<void> check_analysed(const World& world, const ModelState& model);

// Who may speak for an attempt: its worker, or the control plane.
Result<void> check_attempt_sender(const Request& request, const std::string& worker);
Result<void> check_placing(const World& world, const std::string& worker, const std::string& incarnation,
                           const std::string& device);

// The job that will make an adapter (or model) of this name, while it has not ended.
const JobState* claiming_job(const World& world, const std::string& workspace, const std::string& output);
const JobState* claiming_job(const World& world, const std::string& workspace, const std::string& output,
                             const std::string& method);

inline std::string reference_to(const auto& state) { return state.workspace + "/" + state.name; }

}  // namespace luthier::events
