#include "actors/rest/openapi.hpp"

#include <catch2/catch.hpp>

#include "actors/rest/page.hpp"

namespace luthier::rest {
namespace {

std::vector<RouteInfo> routes() {
  const auto model = object({required("name", text()), optional("spec", any())}).named("Model");
  RouteInfo list, create, get, remove, upload, health;
  list.method = "GET", list.path = "/ws/{workspace}/models", list.tag = "models", list.query = page_fields({.sorts = {"name"}});
  list.errors = {400, 404};
  create.method = "POST", create.path = "/ws/{workspace}/models", create.body = object({required("name", text())}).named("CreateModel");
  create.answer = model, create.success = 201, create.errors = {409};
  get.method = "GET", get.path = "/ws/{workspace}/models/{name}", get.answer = model, get.errors = {404};
  remove.method = "DELETE", remove.path = "/ws/{w}/models/{model}", remove.success = 204;
  upload.method = "PUT", upload.path = "/ws/{workspace}/files/-/{tail}", upload.body = any(), upload.body_type = "application/octet-stream";
  health.method = "GET", health.path = "/health/live", health.is_public = true;
  return {list, create, get, remove, upload, health};
}

// Every "$ref" in a document.
void references(const Json& value, std::vector<std::string>& found) {
  if (value.is_object())
    for (const auto& [name, member] : value.items()) {
      if (name == "$ref") found.push_back(member);
      references(member, found);
    }
  if (value.is_array())
    for (const auto& element : value) references(element, found);
}

}  // namespace

TEST_CASE("routes become operations with parameters, bodies and answers") {
  const auto document = openapi(routes(), "Luthier", "0.1.0");
  CHECK(document["openapi"] == "3.1.0");
  CHECK(document["info"]["title"] == "Luthier");
  const auto& create = document["paths"]["/ws/{workspace}/models"]["post"];
  CHECK(create["requestBody"]["required"] == true);
  CHECK(create["requestBody"]["content"]["application/json"]["schema"]["$ref"] == "#/components/schemas/CreateModel");
  CHECK(create["responses"]["201"]["content"]["application/json"]["schema"]["$ref"] == "#/components/schemas/Model");
  CHECK(create["responses"]["409"]["content"]["application/json"]["schema"]["$ref"] == "#/components/schemas/ErrorDetail");
  CHECK(create["responses"]["422"]["content"]["application/json"]["schema"]["$ref"] == "#/components/schemas/HTTPValidationError");
  CHECK(create["parameters"][0]["name"] == "workspace");
  CHECK(create["parameters"][0]["required"] == true);
  const auto& list = document["paths"]["/ws/{workspace}/models"]["get"];
  REQUIRE(list["parameters"].size() == 5);
  CHECK(list["parameters"][2]["schema"]["maximum"] == 1000);
  CHECK(list["parameters"][3]["schema"]["enum"] == Json::parse(R"(["name","-name"])"));
  CHECK(document["paths"]["/ws/{workspace}/files/-/{tail}"]["put"]["requestBody"]["content"].contains("application/octet-stream"));
  CHECK(document["paths"]["/health/live"]["get"]["security"].empty());
}

TEST_CASE("an answer without a body has no content") {
  const auto document = openapi(routes(), "Luthier", "0.1.0");
  CHECK_FALSE(document["paths"]["/ws/{workspace}/models/{name}"]["delete"]["responses"]["204"].contains("content"));
}

TEST_CASE("an answer beside the first has its own status, or the same one and another type") {
  RouteInfo route;
  route.method = "GET", route.path = "/file", route.answer = text(), route.answer_type = "text/html";
  route.others = {{200, text(), "text/plain"}, {206, text(), "application/octet-stream"}, {304}};
  const auto answers = openapi({route}, "Test", "1")["paths"]["/file"]["get"]["responses"];
  CHECK(answers["200"]["content"].size() == 2);
  CHECK(answers["206"]["content"].contains("application/octet-stream"));
  CHECK(answers["304"] == Json::object({{"description", "It is what the caller has already"}}));
}

TEST_CASE("paths of one shape are one path, whatever their parameters are called") {
  const auto document = openapi(routes(), "Luthier", "0.1.0");
  CHECK(document["paths"].size() == 4);
  const auto& remove = document["paths"]["/ws/{workspace}/models/{name}"]["delete"];
  CHECK(remove["parameters"][0]["name"] == "workspace");
  CHECK(remove["parameters"][1]["name"] == "name");
}

TEST_CASE("every reference of the document leads somewhere, and operation ids are unique") {
  auto all = routes();
  all.push_back(all[0]);
  all.back().path = "/ws/{workspace}/models/";
  const auto document = openapi(all, "Luthier", "0.1.0");
  std::vector<std::string> found;
  references(document, found);
  CHECK(found.size() > 5);
  for (const auto& reference : found) CHECK(document.contains(Json::json_pointer(reference.substr(1))));
  CHECK(document["paths"]["/ws/{workspace}/models"]["get"]["operationId"] == "get_ws_workspace_models");
  CHECK(document["paths"]["/ws/{workspace}/models/"]["get"]["operationId"] == "get_ws_workspace_models_2");
}

}  // namespace luthier::rest
