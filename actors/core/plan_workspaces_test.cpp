#include "actors/core/world_builder_test.hpp"

namespace luthier::core::testing {
namespace {

// Plans and applies until there is nothing left to do; false: it did not come to rest.
bool settle(WorldBuilder& b) {
  for (int round = 0; round < 20; ++round) {
    const View view{b.world, b.applied, b.fleet, b.now, b.settings};
    const auto plan = plan_workspaces(view, b.backoff);
    if (plan.empty()) return true;
    for (const auto& request : plan) {
      const auto facts = decide(b.world, request);
      if (!facts) continue;
      for (const auto& fact : *facts) {
        evolve(b.world, fact);
        ++b.applied;
      }
    }
  }
  return false;
}

}  // namespace

TEST_CASE("a workspace that is to be deleted is emptied and then gone, whatever needs what in it") {
  WorldBuilder b;
  b.does("workspace", "default", CreateWorkspace{});
  b.does("fileset", "files", CreateFileset{"", "model", {{"model.gguf", std::string(64, 'a'), 1}}, {}, ""});
  b.does("model", "smol", CreateModel{"files", "", "", {}});
  b.does("record", "project::alpha", CreateRecord{"", {"{}"}});
  b.does("record", "entity.model::one", CreateRecord{"alpha", {"{}"}});
  CreateSecret secret;
  secret.sealed = SealedValue{"k", "c"};
  b.does("secret", "TOKEN", secret);
  b.does("deployment", "serve", CreateDeployment{"smol", "", true, true, {}});
  b.does("workspace", "default", DeleteWorkspace{true});
  CHECK(b.world.workspaces.at("default").deleting);
  CHECK(settle(b));
  CHECK(b.world == [&] {
    World empty;
    empty.jobs_accepted = b.world.jobs_accepted;
    return empty;
  }());
}

TEST_CASE("an empty workspace is deleted at once, and one that is being deleted is hidden from others") {
  WorldBuilder b;
  b.does("workspace", "default", CreateWorkspace{});
  b.does("fileset", "files", CreateFileset{});
  b.does("workspace", "default", DeleteWorkspace{true});
  Request request{{"ada", "default", "c"}, "fileset", "more", {}, {}, {}, CreateFileset{}};
  CHECK(decide(b.world, request).error().code == ErrorCode::not_found);
  Request again{{"ada", "system", "c"}, "workspace", "default", {}, {}, {}, CreateWorkspace{}};
  CHECK(decide(b.world, again).error().code == ErrorCode::conflict);
  CHECK(settle(b));
  CHECK(b.world.workspaces.empty());
}

}  // namespace luthier::core::testing
