// What the routes say of themselves, over all services.
#include "actors/api/api_fixture_test.hpp"
#include "actors/rest/openapi.hpp"

namespace luthier::api {
namespace {

using rest::Json;

rest::Json document_of(ApiFixture& f) {
  const auto reply = f.call("GET", "/openapi.json");
  REQUIRE(reply.status == 200);
  return reply.json();
}

void each_operation(const Json& document, const std::function<void(const std::string& label, const Json& operation)>& look) {
  for (const auto& [path, methods] : document["paths"].items())
    for (const auto& [method, operation] : methods.items()) look(method + " " + path, operation);
}

}  // namespace

TEST_CASE("a name stands for one schema in all of the document") {
  ApiFixture f;
  const Api api(Services{f.platform, f.documents, f.settings, &f.store}, nullptr);
  std::map<std::string, Json> known;
  const auto look = [&](const std::optional<rest::Schema>& schema) {
    if (!schema) return;
    Json components = Json::object();
    json_schema(*schema, components);
    for (const auto& [name, held] : components.items()) {
      INFO(name);
      CHECK(known.try_emplace(name, held).first->second == held);
    }
  };
  for (const auto& route : api.routes()) {
    look(route.body);
    look(route.answer);
    for (const auto& other : route.others) look(other.schema);
  }
  CHECK(known.size() > 100);
}

TEST_CASE("each operation names the refusals that its kind of route may give") {
  ApiFixture f;
  each_operation(document_of(f), [](const std::string& label, const Json& operation) {
    INFO(label);
    const auto& answers = operation["responses"];
    CHECK(answers.contains("400"));
    CHECK(answers.contains("401") == !operation.contains("security"));
    if (operation.contains("requestBody"))
      for (const char* status : {"413", "415", "422"}) CHECK(answers.contains(status));
    const bool creates = label.starts_with("post") && label.ends_with("s") && answers.contains("201");
    if (creates) CHECK(answers.contains("409"));
  });
}

TEST_CASE("a list answers with a page of what its items are") {
  ApiFixture f;
  const auto document = document_of(f);
  const auto& list = document["paths"]["/apis/entities/v2/workspaces/{workspace}/projects"]["get"];
  CHECK(list["responses"]["200"]["content"]["application/json"]["schema"]["$ref"] == "#/components/schemas/ProjectPage");
  const auto& page = document["components"]["schemas"]["ProjectPage"]["properties"];
  CHECK(page["data"]["items"]["$ref"] == "#/components/schemas/Project");
  CHECK(page["pagination"]["$ref"] == "#/components/schemas/Pagination");
  CHECK(list["parameters"].size() == 5);  // the workspace, page, page_size, sort, filter
}

TEST_CASE("a file comes whole or in part, and goes in one request or in several") {
  ApiFixture f;
  const auto document = document_of(f);
  const auto& file = document["paths"]["/apis/files/v2/workspaces/{workspace}/filesets/{name}/-/{tail}"];
  for (const char* status : {"200", "206"}) CHECK(file["get"]["responses"][status]["content"].contains("application/octet-stream"));
  CHECK(file["put"]["responses"].contains("202"));
}

}  // namespace luthier::api
