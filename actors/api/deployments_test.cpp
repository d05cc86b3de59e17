#include "actors/api/deployments.hpp"

#include <catch2/catch.hpp>

#include "actors/api/deployment_configs.hpp"
#include "actors/api/providers.hpp"

namespace luthier::api {
namespace {

using rest::Json;

Json entry(const char* time, const char* status, const char* message) { return {{"timestamp", time}, {"status", status}, {"status_message", message}}; }

Json a_row() {
  return {{"id", "deployment-1"},
          {"workspace", "lab"},
          {"name", "serve"},
          {"created_at", "2026-01-01T00:00:00.000001Z"},
          {"updated_at", "2026-01-01T00:00:05.000000Z"},
          {"model", "default/smol"},
          {"details", {{"config", "c1"}, {"config_version", 2}}},
          {"provider", nullptr},
          {"status", "CREATED"},
          {"status_message", "Deployment created"},
          {"endpoint", nullptr},
          {"adapters", Json::array()},
          {"status_history", {entry("2026-01-01T00:00:00.000001Z", "CREATED", "Deployment created")}},
          {"ready_since", nullptr},
          {"number", 1},
          {"versions", Json::array()}};
}

Json a_ready_row() {
  Json row = a_row();
  row["status"] = "READY";
  row["status_message"] = "serving";
  row["status_history"].push_back(entry("2026-01-01T00:00:04.000000Z", "READY", "serving"));
  row["ready_since"] = "2026-01-01T00:00:04.000000Z";
  row["endpoint"] = "http://127.0.0.1:41234";
  row["adapters"] = {{{"name", "default--one"}, {"status", "loaded"}}, {{"name", "lab--two"}, {"status", "loading"}}, {{"name", "lab--three"}, {"status", "loaded"}}};
  return row;
}

}  // namespace

TEST_CASE("a fresh deployment has an empty history, and a later one ends with its status") {
  const auto fresh = render_deployment(a_row());
  CHECK(fresh["status"] == "CREATED");
  CHECK(fresh["status_history"] == Json::array());
  CHECK(fresh["model_provider_id"].is_null());
  CHECK(fresh["config"] == "c1");
  CHECK(fresh["config_version"] == 2);
  CHECK(fresh["created_at"] == "2026-01-01T00:00:00.000001");
  const auto ready = render_deployment(a_ready_row());
  REQUIRE(ready["status_history"].size() == 2);
  CHECK(ready["status_history"].back()["status"] == ready["status"]);
  CHECK(ready["status_history"].back()["status_message"] == ready["status_message"]);
  CHECK(ready["model_provider_id"] == "lab/serve");
}

TEST_CASE("versions that were replaced are deleted ones, newest first, without those that are gone") {
  Json row = a_row();
  row["number"] = 4;
  for (const int number : {1, 2, 3})
    row["versions"].push_back({{"number", number}, {"created_at", "2026-01-01T00:00:00Z"}, {"replaced_at", "2026-01-01T00:00:01Z"}, {"details", {{"config", "c0"}}}});
  row["details"]["gone_versions"] = {{"2", true}};
  const auto earlier = earlier_versions(row);
  REQUIRE(earlier.size() == 2);
  CHECK(earlier[0]["entity_version"] == 3);
  CHECK(earlier[1]["entity_version"] == 1);
  CHECK(earlier[1]["status"] == "DELETED");
  CHECK(earlier[1]["config"] == "c0");
  CHECK(earlier[1]["config_version"] == 1);
}

TEST_CASE("a deployment is a provider once it was ready, with its base and its loaded adapters") {
  CHECK(render_deployment_provider(a_row()).empty());
  const auto provider = render_deployment_provider(a_ready_row());
  CHECK(provider["name"] == "serve");
  CHECK(provider["host_url"] == "http://127.0.0.1:41234");
  CHECK(provider["model_deployment_id"] == "lab/serve");
  CHECK(is_provider_ready(provider));
  const auto served = served_models_of(provider);
  REQUIRE(served.size() == 3);
  CHECK(served[0].entity == "default/smol");
  CHECK(served[0].served_name == "default/smol");
  CHECK(served[1].entity == "default/smol&adapters/default/one");
  CHECK(served[1].served_name == "default--one");
  CHECK(served[2].entity == "default/smol&adapters/lab/three");
}

TEST_CASE("a deployment that has lost its place is a provider that serves nothing") {
  Json row = a_ready_row();
  row["status"] = "PENDING";
  row["endpoint"] = nullptr;
  row["adapters"] = Json::array();
  const auto provider = render_deployment_provider(row);
  CHECK(provider["status"] == "PENDING");
  CHECK(provider["host_url"] == "");
  CHECK(served_models_of(provider).empty());
}

TEST_CASE("a provider whose name was taken has another one, and its deployment says which") {
  Json row = a_ready_row();
  row["details"]["provider_name"] = "serve_0123abcd";
  CHECK(render_deployment_provider(row)["name"] == "serve_0123abcd");
  CHECK(render_deployment(row)["model_provider_id"] == "lab/serve_0123abcd");
  row["provider"] = "lab/by-hand";
  CHECK(render_deployment(row)["model_provider_id"] == "lab/by-hand");
}

TEST_CASE("a record of a deployment's provider adds its settings and not its state") {
  Json record = render_deployment_provider(a_ready_row());
  record["host_url"] = "http://elsewhere";
  record["status"] = "CREATED";
  record["default_extra_body"] = {{"top_p", 0.5}};
  const auto merged = merged_provider(record, render_deployment_provider(a_ready_row()));
  CHECK(merged["host_url"] == "http://127.0.0.1:41234");
  CHECK(merged["status"] == "READY");
  CHECK(merged["default_extra_body"]["top_p"] == 0.5);
}

TEST_CASE("a config's versions are read one by one, also those that were written short") {
  const Json row = {{"id", "deployment-config-1"},
                    {"workspace", "lab"},
                    {"name", "deployment_config::c1"},
                    {"project", ""},
                    {"created_at", "2026-01-01T00:00:00Z"},
                    {"updated_at", "2026-01-02T00:00:00Z"},
                    {"data",
                     {{"versions",
                       {{{"entity_version", 1}, {"engine", "nim"}, {"model_spec", {{"model_name", "smol"}}}, {"executor_config", {{"gpu", 1}}}},
                        {{"entity_version", 3}, {"engine", "vllm"}, {"created_at", "2026-01-02T00:00:00Z"}, {"model_spec", {{"lora_enabled", true}}}}}}}}};
  CHECK(latest_config_version(row) == 3);
  const auto first = config_version(row, 1);
  REQUIRE(first);
  CHECK((*first)["name"] == "c1");
  CHECK((*first)["model_spec"]["lora_enabled"] == false);
  CHECK((*first)["executor_config"]["disk_size"] == "50Gi");
  CHECK((*config_version(row, 3))["model_spec"]["lora_enabled"] == true);
  CHECK_FALSE(config_version(row, 2));
}

TEST_CASE("a version in a path is a positive integer") {
  CHECK(parse_version("12") == 12);
  for (const char* text : {"", "0", "-1", "x", "1.5", "1x", "99999999999999999999"}) CHECK_FALSE(parse_version(text));
}

TEST_CASE("a config names its model by its entity, or by namespace and name") {
  const auto model = [](Json members) {
    members["workspace"] = "lab";
    if (!members.contains("model_spec")) members["model_spec"] = Json::object();
    return model_of_config(members);
  };
  CHECK(model({{"model_entity_id", "default/smol"}}) == "default/smol");
  CHECK(model({{"model_entity_id", "smol"}}) == "lab/smol");
  CHECK(model({{"model_spec", {{"model_namespace", "default"}, {"model_name", "smol"}}}}) == "default/smol");
  CHECK(model({{"model_spec", {{"model_name", "smol@main"}}}}) == "lab/smol");
  CHECK(model({{"model_spec", {{"model_name", "other/smol@main"}}}}) == "other/smol");
  CHECK(model(Json::object()).empty());
}

}  // namespace luthier::api
