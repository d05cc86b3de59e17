#include "actors/api/log_view.hpp"

#include <catch2/catch.hpp>

using namespace luthier;
using namespace luthier::api;

namespace {

log::Record record_of(const std::string& entity, const std::string& workspace, const std::string& name, const std::string& data) {
  log::Record record;
  record.position = 4;
  record.stream = {entity, entity + "-1"};
  record.workspace = workspace;
  record.name = name;
  record.type = "Something";
  record.data = data;
  return record;
}

}  // namespace

TEST_CASE("an event of a workspace is about the workspace that it names") {
  CHECK(workspace_of(record_of("workspace", "system", "team", "{}")) == "team");
  CHECK(workspace_of(record_of("model", "team", "smol", "{}")) == "team");
}

TEST_CASE("what is sealed in an event of a secret is not shown") {
  const auto shown = rest::Json::parse(shown_event(record_of("secret", "team", "token", R"({"description":"of the hub","sealed":{"key_id":"k","cipher":"abc"}})")));
  CHECK(shown["data"]["description"] == "of the hub");
  CHECK_FALSE(shown["data"].contains("sealed"));
  CHECK(shown["position"] == 4);
}

TEST_CASE("events of everything else are shown as they were written") {
  const auto shown = rest::Json::parse(shown_event(record_of("model", "team", "smol", R"({"fileset":"team/files","sealed":"its own word"})")));
  CHECK(shown["data"]["sealed"] == "its own word");
  CHECK(shown["source"] == "/workspaces/team/models/smol");
}
